// What this machine offers to Trine, and what Trine does where it offers less.
//
//   for (const trine::probe_result& probe : trine::doctor())
//     std::printf("%s: %s\n", probe.name.c_str(), probe.detail.c_str());
//
// The command `trine doctor` prints the same list.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace trine {

/// What a probe found. `degraded` means that it works, but less well than Trine could use it.
enum class probe_state { yes, no, degraded };

/// "yes", "no" or "degraded"; any other value gives "unknown".
[[nodiscard]] std::string_view to_string(probe_state state) noexcept;

/// One facility of the machine.
struct probe_result {
  std::string name;      ///< A stable word, such as `io_uring`; a program may compare it.
  probe_state state{};   ///< Whether the facility can be used by this process, now.
  std::string detail;    ///< One sentence: what was found, or why it is not there.
  std::string fallback;  ///< One sentence: what Trine does where the facility is absent.
};

/// Asks the kernel, the container and the limits of this process what they allow.
///
/// Units: may be called from any thread and any unit. It does not start the runtime.
///
/// Blocking: a few milliseconds, more in a process with gigabytes of memory; nothing waits for
/// another process except for children that end at once. They are reaped before the call returns,
/// raise no SIGCHLD, and a `wait()` of the caller does not see them.
///
/// Effect: none that lasts. No privilege is needed; a refusal is an answer, not an error.
///
/// Errors: throws only `std::bad_alloc`.
///
/// Thread safety: calls may overlap.
///
/// The answers are those of the calling thread: a seccomp filter, a CPU set or a limit set on it
/// shows. A filter that kills instead of refusing kills the caller.
[[nodiscard]] std::vector<probe_result> doctor();

}  // namespace trine
