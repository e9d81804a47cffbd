// A segment: a piece of shared memory that processes hand to each other. No promises to users.
//
// A segment lives as long as any process refers to it: it is a memfd, so the kernel frees it with
// its last user, however that dies. Inside one process it is one object, whatever way it came; a
// segment_ref counts. It crosses as an identity inside the bytes of a call; its descriptor goes
// beside them when the other process does not have it yet (process/segment.hpp).
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include <trine/detail/bytes.hpp>

namespace trine::detail {

struct segment;

// Any thread; any number of segment_refs of one segment may be used at once.
void retain_segment(segment* s) noexcept;
void release_segment(segment* s) noexcept;

class segment_ref {
 public:
  segment_ref() noexcept = default;
  // Takes over one reference.
  explicit segment_ref(segment* s) noexcept : segment_(s) {}
  segment_ref(const segment_ref& other) noexcept : segment_(other.segment_) {
    if (segment_ != nullptr) retain_segment(segment_);
  }
  segment_ref(segment_ref&& other) noexcept : segment_(std::exchange(other.segment_, nullptr)) {}
  segment_ref& operator=(segment_ref other) noexcept {
    std::swap(segment_, other.segment_);
    return *this;
  }
  ~segment_ref() {
    if (segment_ != nullptr) release_segment(segment_);
  }

  segment* get() const noexcept { return segment_; }
  explicit operator bool() const noexcept { return segment_ != nullptr; }

 private:
  segment* segment_ = nullptr;
};

// What one call or result carries beside its bytes.
class attachments {
 public:
  // Each once. Throws std::bad_alloc, or wire_error when there are too many.
  void add(const segment_ref& s);
  bool contains(const segment* s) const noexcept;
  const std::vector<segment_ref>& all() const noexcept { return all_; }
  bool empty() const noexcept { return all_.empty(); }
  void clear() noexcept { all_ = {}; }

 private:
  std::vector<segment_ref> all_;
};

inline constexpr std::size_t most_attachments = 64;

// Of at least `bytes` bytes, zeros. Throws std::system_error when the system has no memory for it
// or no descriptor, std::bad_alloc.
segment_ref make_segment(std::size_t bytes);
std::byte* segment_data(const segment* s) noexcept;
std::size_t segment_size(const segment* s) noexcept;

// Throws wire_error when these are not the bytes of a process unit's call or result.
void write_segment(byte_writer& out, const segment_ref& s);
// Throws wire_error for a segment that this process was not given or that is smaller than `bytes`,
// std::system_error when it cannot be mapped.
segment_ref read_segment(byte_reader& in, std::size_t bytes);

}  // namespace trine::detail
