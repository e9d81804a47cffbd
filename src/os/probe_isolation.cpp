// What can be kept apart from what: filters, namespaces.
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "os/probe.hpp"
#include "os/probe_util.hpp"

namespace trine::os {
namespace {

constexpr long number_landlock_create_ruleset = 444;

bool action_available(unsigned action) {
  return ::syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0U, &action) == 0;
}

/// Starts a child in new namespaces and reaps it; 0, or the error of clone.
///
/// Raw system calls on both sides: no handler of fork or exit and no sanitizer may take the child
/// for more than the probe it is. The child has no exit signal: no SIGCHLD reaches the program, and
/// only a wait with __WALL sees it. It has ended before clone returns (CLONE_VFORK).
int try_namespaces(unsigned long flags) {
  // A signal sent to the process group must not run a handler of the program in the child.
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  const long child = ::syscall(SYS_clone, CLONE_VFORK | flags, 0UL, 0UL, 0UL, 0UL);
  if (child == 0) ::syscall(SYS_exit_group, 0);
  const int error = child < 0 ? errno : 0;
  if (child > 0) {
    while (::waitpid(static_cast<pid_t>(child), nullptr, __WALL) < 0 && errno == EINTR) {
    }
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return error;
}

/// A namespace other than a user's is tried alone, then inside a new user namespace.
probe_result namespace_answer(std::string name, unsigned long flag, const std::string& works,
                              std::string fallback) {
  const int alone = try_namespaces(flag);
  if (alone == 0) {
    return answer(std::move(name), probe_state::yes, works + ", without a user namespace.",
                  std::move(fallback));
  }
  const int inside = try_namespaces(flag | CLONE_NEWUSER);
  if (inside == 0) {
    return answer(std::move(name), probe_state::yes, works + ", inside a user namespace.",
                  std::move(fallback));
  }
  return answer(std::move(name), probe_state::no, "clone: " + refusal(inside) + ".",
                std::move(fallback));
}

}  // namespace

probe_result probe_seccomp() {
  const std::string fallback = "No system-call filter: a sandbox that asks for one is refused.";
  if (!action_available(SECCOMP_RET_ERRNO)) {
    return answer("seccomp", probe_state::no, "seccomp: " + refusal(errno) + ".", fallback);
  }
  std::string detail = "Filters of system calls can be set";
  const std::string status = read_text("/proc/self/status").value_or("");
  if (status.find("\nSeccomp:\t2") != std::string::npos) {
    detail += "; this process already runs under one";
  }
  if (!action_available(SECCOMP_RET_KILL_PROCESS)) {
    return answer("seccomp", probe_state::degraded,
                  detail + ", but they cannot kill the whole process.",
                  "Filters refuse a call with EPERM instead of killing.");
  }
  return answer("seccomp", probe_state::yes, detail + ".", fallback);
}

probe_result probe_landlock() {
  constexpr unsigned ask_version = 1;
  const long version = ::syscall(number_landlock_create_ruleset, nullptr, 0UL, ask_version);
  if (version >= 1) {
    return answer("landlock", probe_state::yes,
                  "Landlock ABI " + std::to_string(version) + " can confine file access.",
                  "seccomp alone keeps a sandbox from opening files.");
  }
  return answer("landlock", probe_state::no,
                errno == EOPNOTSUPP ? "Built into this kernel, but switched off at boot."
                                    : "landlock_create_ruleset: " + refusal(errno) + ".",
                "seccomp alone keeps a sandbox from opening files.");
}

probe_result probe_user_namespace() {
  const std::string fallback = "Sandboxes are made of seccomp, landlock and limits.";
  const int error = try_namespaces(CLONE_NEWUSER);
  if (error == 0) {
    return answer("user_namespace", probe_state::yes,
                  "A child can start in a user namespace of its own.", fallback);
  }
  std::string detail = "clone: " + refusal(error);
  const auto most = read_line("/proc/sys/user/max_user_namespaces");
  if (most) detail += "; user.max_user_namespaces is " + *most;
  const auto clone = read_line("/proc/sys/kernel/unprivileged_userns_clone");
  if (clone) detail += "; kernel.unprivileged_userns_clone is " + *clone;
  return answer("user_namespace", probe_state::no, detail + ".", fallback);
}

probe_result probe_pid_namespace() {
  return namespace_answer(
      "pid_namespace", CLONE_NEWPID, "A tree of processes can be killed as one",
      "Killing a tree is best effort: the zygote adopts and ends what outlives its parent.");
}

probe_result probe_net_namespace() {
  return namespace_answer("net_namespace", CLONE_NEWNET, "A child can be cut off the network",
                          "seccomp keeps a sandbox from making sockets.");
}

}  // namespace trine::os
