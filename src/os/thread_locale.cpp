#include "os/thread_locale.hpp"

#include <ctype.h>
#include <link.h>
#include <cerrno>
#include <cstddef>
#include <cstdint>

namespace trine::os {
namespace {

#if defined(__GLIBC__)

struct block {
  std::uintptr_t holds;
  std::uintptr_t first = 0;
  std::size_t size = 0;
};

// The thread-local variables of the module that has the one at `b.holds`, for the calling thread.
int find_block(dl_phdr_info* module, std::size_t, void* to) {
  auto& b = *static_cast<block*>(to);
  const auto first = reinterpret_cast<std::uintptr_t>(module->dlpi_tls_data);
  if (first == 0) return 0;
  for (unsigned i = 0; i < module->dlpi_phnum; ++i) {
    const auto& part = module->dlpi_phdr[i];
    if (part.p_type != PT_TLS || b.holds - first >= part.p_memsz) continue;
    b.first = first;
    b.size = part.p_memsz;
    return 1;
  }
  return 0;
}

// The word has no name outside the C library. It is the only one that follows uselocale() through
// two locales and back. From errno, which is in the same block: the distance is the same in all
// threads, as the C library is there from the program's start. 0: not found.
std::ptrdiff_t find_distance() noexcept {
  const int error = errno;
  block b{reinterpret_cast<std::uintptr_t>(__ctype_b_loc())};
  dl_iterate_phdr(&find_block, &b);
  const locale_t one = newlocale(LC_ALL_MASK, "C", nullptr);
  const locale_t other = one != nullptr ? duplocale(one) : nullptr;
  std::ptrdiff_t found = 0;
  if (b.size != 0 && other != nullptr) {
    const locale_t before = uselocale(nullptr);
    constexpr std::uintptr_t unit = sizeof(locale_t);
    unsigned matches = 0;
    for (std::uintptr_t at = (b.first + unit - 1) / unit * unit; at + unit <= b.first + b.size;
         at += unit) {
      const auto* const word = reinterpret_cast<const volatile locale_t*>(at);
      const locale_t start = *word;
      uselocale(one);
      bool follows = *word == one;
      uselocale(other);
      follows = follows && *word == other;
      uselocale(before);
      if (!follows || *word != start) continue;
      ++matches;
      found = static_cast<std::ptrdiff_t>(at - reinterpret_cast<std::uintptr_t>(&errno));
    }
    if (matches != 1) found = 0;
  }
  if (other != nullptr) freelocale(other);
  if (one != nullptr) freelocale(one);
  errno = error;
  return found;
}

#endif

}  // namespace

const locale_t* locale_word() noexcept {
#if defined(__GLIBC__)
  static const std::ptrdiff_t distance = find_distance();
  if (distance == 0) return nullptr;
  return reinterpret_cast<const locale_t*>(reinterpret_cast<const char*>(&errno) + distance);
#else
  return nullptr;
#endif
}

}  // namespace trine::os
