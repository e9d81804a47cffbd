// One job in a worker: decode, run as a unit, encode what came out.
#pragma once

#include <cstdint>
#include <exception>
#include <span>

#include <trine/serialize.hpp>

#include "process/channel.hpp"
#include "process/worker_wait.hpp"

namespace trine::process_layer {

// Where a job's result or exception is written: a small buffer that is copied into the ring, or the
// reply segment once it outgrows that.
class result_buffer {
 public:
  explicit result_buffer(os::window& segment) noexcept : segment_(segment) {}
  byte_writer writer() noexcept;
  // Whether the bytes are in the segment.
  bool in_segment() const noexcept { return in_segment_; }

 private:
  static std::span<std::byte> grow(void* self, std::size_t needed);

  os::window& segment_;
  bool in_segment_ = false;
  alignas(16) std::byte small_[inline_most];
};

// Runs the job of `request`, whose addresses and, when small, arguments are in `rest`; the shared
// objects among these are noted in `given`, those of the result where `result` says. Never
// throws: what the job throws is encoded. Does not return when the job ends the process.
reply_kind run_job(const request_header& request, std::span<const std::byte> rest,
                   os::window& arguments, byte_writer& result, channel_words& words,
                   job_control& control, detail::attachments& given) noexcept;

// Replaces what `result` holds.
void write_exception(byte_writer& result, const std::exception_ptr& error) noexcept;

// The unit of the job that runs; null between jobs.
const detail::core* current_job() noexcept;

}  // namespace trine::process_layer
