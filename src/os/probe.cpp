#include "os/probe.hpp"

#include <iterator>
#include <utility>

namespace trine {

std::string_view to_string(probe_state state) noexcept {
  switch (state) {
    case probe_state::yes:
      return "yes";
    case probe_state::no:
      return "no";
    case probe_state::degraded:
      return "degraded";
  }
  return "unknown";
}

std::vector<probe_result> doctor() {
  using probe = probe_result (*)();
  // The order in which a reader asks: the machine, then what runs fast, then what keeps apart.
  static constexpr probe before_limits[] = {
      os::probe_kernel_version, os::probe_virtualisation, os::probe_cpus,
      os::probe_io_uring,       os::probe_guard_pages,    os::probe_pidfd,
      os::probe_clone3,         os::probe_futex_waitv,    os::probe_membarrier,
      os::probe_memfd,          os::probe_userfaultfd,    os::probe_process_vm,
      os::probe_perf_event,     os::probe_seccomp,        os::probe_landlock,
      os::probe_cgroup,         os::probe_user_namespace, os::probe_pid_namespace,
      os::probe_net_namespace,  os::probe_dev_shm,        os::probe_transparent_hugepages,
  };
  std::vector<probe_result> results;
  for (const probe ask : before_limits) results.push_back(ask());
  std::vector<probe_result> limits = os::probe_limits();
  results.insert(results.end(), std::make_move_iterator(limits.begin()),
                 std::make_move_iterator(limits.end()));
  return results;
}

}  // namespace trine
