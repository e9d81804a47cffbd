// The probes behind trine::doctor(). Each is safe without privileges and leaves nothing behind.
#pragma once

#include <vector>

#include "trine/doctor.hpp"

namespace trine::os {

// Interfaces of the kernel.
probe_result probe_kernel_version();
probe_result probe_io_uring();
probe_result probe_guard_pages();
probe_result probe_pidfd();
probe_result probe_clone3();
probe_result probe_futex_waitv();
probe_result probe_membarrier();
probe_result probe_memfd();
probe_result probe_userfaultfd();
probe_result probe_process_vm();
probe_result probe_perf_event();

// What can be kept apart from what.
probe_result probe_seccomp();
probe_result probe_landlock();
probe_result probe_cgroup();
probe_result probe_user_namespace();
probe_result probe_pid_namespace();
probe_result probe_net_namespace();

// How much there is of everything.
probe_result probe_cpus();
std::vector<probe_result> probe_limits();
probe_result probe_dev_shm();
probe_result probe_transparent_hugepages();
probe_result probe_virtualisation();

}  // namespace trine::os
