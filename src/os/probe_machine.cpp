// The machine: CPUs, shared memory, huge pages, whether it is virtual.
#include <sched.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "os/probe.hpp"
#include "os/probe_util.hpp"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace trine::os {
namespace {

/// How many CPUs this thread may run on; 0 when the kernel does not say.
int usable_cpus() {
  // The kernel refuses a set smaller than its own: grow until it fits.
  for (int most = 1024; most <= 1 << 20; most *= 2) {
    cpu_set_t* const set = CPU_ALLOC(static_cast<std::size_t>(most));
    if (set == nullptr) return 0;
    const std::size_t bytes = CPU_ALLOC_SIZE(static_cast<std::size_t>(most));
    const bool fits = ::sched_getaffinity(0, bytes, set) == 0;
    const int error = errno;
    const int count = fits ? CPU_COUNT_S(bytes, set) : 0;
    CPU_FREE(set);
    if (fits) return count;
    if (error != EINVAL) return 0;
  }
  return 0;
}

std::string hypervisor() {
#if defined(__x86_64__)
  unsigned a = 0;
  unsigned b = 0;
  unsigned c = 0;
  unsigned d = 0;
  if (__get_cpuid(1, &a, &b, &c, &d) != 0 && (c & (1U << 31)) != 0) {
    __cpuid(0x40000000, a, b, c, d);
    std::array<char, 13> name{};
    std::memcpy(name.data(), &b, 4);
    std::memcpy(name.data() + 4, &c, 4);
    std::memcpy(name.data() + 8, &d, 4);
    const std::string text(name.data());
    return text.empty() ? "an unnamed hypervisor" : text;
  }
#endif
  const auto type = read_line("/sys/hypervisor/type");
  if (type && !type->empty()) return *type;
  std::string product = read_line("/sys/class/dmi/id/product_name").value_or("");
  for (const char* name : {"KVM", "QEMU", "VMware", "VirtualBox", "Virtual Machine"}) {
    if (product.find(name) != std::string::npos) return product;
  }
  return "";
}

std::string container() {
  if (::access("/.dockerenv", F_OK) == 0) return "docker";
  if (::access("/run/.containerenv", F_OK) == 0) return "podman";
  const std::string groups = read_text("/proc/self/cgroup").value_or("");
  for (const char* name : {"kubepods", "docker", "lxc", "libpod"}) {
    if (groups.find(name) != std::string::npos) return name;
  }
  return "";
}

}  // namespace

probe_result probe_cpus() {
  const std::string fallback = "Trine starts as many coroutine workers as CPUs may be used.";
  const long online = ::sysconf(_SC_NPROCESSORS_ONLN);
  const int usable = usable_cpus();
  const double quota = cgroup_cpu_quota();
  std::string detail = std::to_string(online) + " online, " +
                       (usable > 0 ? std::to_string(usable) : std::string("unknown")) +
                       " usable by this process, ";
  if (quota > 0) {
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), "%.2f", quota);
    detail += std::string("cgroup quota ") + text.data() + " CPUs.";
  } else {
    detail += "no cgroup quota.";
  }
  const bool full = usable >= online && (quota <= 0 || quota >= static_cast<double>(online));
  return answer("cpus", full ? probe_state::yes : probe_state::degraded, detail, fallback);
}

probe_result probe_dev_shm() {
  const std::string fallback = "Shared memory comes from memfd, which needs no /dev/shm.";
  struct statvfs space {};
  if (::statvfs("/dev/shm", &space) != 0) {
    return answer("dev_shm", probe_state::no, "/dev/shm: " + refusal(errno) + ".", fallback);
  }
  const auto total = static_cast<unsigned long long>(space.f_blocks) * space.f_frsize;
  if (::access("/dev/shm", W_OK) != 0) {
    return answer("dev_shm", probe_state::no, "/dev/shm cannot be written.", fallback);
  }
  // Docker's default of 64 MiB is soon full.
  const bool enough = total > (64ULL << 20);
  return answer("dev_shm", enough ? probe_state::yes : probe_state::degraded,
                "/dev/shm holds " + human_bytes(total) + ".", fallback);
}

probe_result probe_transparent_hugepages() {
  const std::string fallback = "Stacks are kept out of huge pages by MADV_NOHUGEPAGE.";
  const auto modes = read_line("/sys/kernel/mm/transparent_hugepage/enabled");
  if (!modes) {
    return answer("transparent_hugepages", probe_state::no, "Not in this kernel.",
                  "Pages of the usual size.");
  }
  const std::size_t open = modes->find('[');
  const std::size_t close = modes->find(']');
  const std::string mode = open != std::string::npos && close != std::string::npos && close > open
                               ? modes->substr(open + 1, close - open - 1)
                               : *modes;
  return answer("transparent_hugepages", mode == "never" ? probe_state::no : probe_state::yes,
                "Mode " + mode + ".", fallback);
}

probe_result probe_virtualisation() {
  const std::string machine = hypervisor();
  const std::string box = container();
  std::string detail = machine.empty() ? "Bare metal" : "A virtual machine (" + machine + ")";
  if (!box.empty()) detail += ", in a container (" + box + ")";
  detail += machine.empty() ? "." : "; waking a sleeping CPU may cost tens of microseconds.";
  return answer("bare_metal", machine.empty() ? probe_state::yes : probe_state::degraded, detail,
                "An idle worker spins briefly before it sleeps.");
}

}  // namespace trine::os
