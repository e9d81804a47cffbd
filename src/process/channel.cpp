#include "process/channel.hpp"

#include <sys/stat.h>
#include <cerrno>
#include <system_error>

namespace trine::process_layer {
namespace {

constexpr std::uint64_t fixed_size = 1 << 20;         // words and rings, rounded up generously
constexpr std::uint64_t wanted_segment = 1ULL << 36;  // 64 GiB; sparse
constexpr std::uint64_t least_segment = 64 * 1024;

std::uint64_t segment_size(std::uint64_t file_size) noexcept {
  return (file_size - fixed_size) / 2 / least_segment * least_segment;
}

}  // namespace

channel::channel(int file, std::uint64_t file_size)
    : fixed_(file, 0, 4096 + 2 * ring_capacity, fixed_size),
      request_segment_(file, fixed_size, least_segment, segment_size(file_size)),
      reply_segment_(file, fixed_size + segment_size(file_size), least_segment,
                     segment_size(file_size)) {}

channel channel::create(os::unique_fd& file) {
  std::uint64_t size = fixed_size + 2 * wanted_segment;
  file = os::make_shared_memory("trine-channel", size, fixed_size + 2 * least_segment);
  return channel(file.get(), size);
}

channel channel::attach(int file) {
  struct stat about;
  if (fstat(file, &about) != 0)
    throw std::system_error(errno, std::generic_category(), "trine: no channel");
  return channel(file, static_cast<std::uint64_t>(about.st_size));
}

}  // namespace trine::process_layer
