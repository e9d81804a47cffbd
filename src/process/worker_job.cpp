#include "process/worker_job.hpp"

#include <cxxabi.h>
#include <unistd.h>
#include <cstdio>
#include <cstring>
#include <exception>
#include <new>
#include <stop_token>
#include <system_error>
#include <utility>

#include <trine/detail/process_core.hpp>
#include <trine/detail/unit_ends.hpp>

#include "observe/registry.hpp"
#include "process/code_address.hpp"
#include "process/remote_exception.hpp"
#include "process/worker_limits.hpp"
#include "wait/stop.hpp"
#include "wait/waiter.hpp"

namespace trine::process_layer {
namespace {

std::atomic<const detail::core*> the_job{nullptr};

constexpr detail::core_ops job_ops{[](detail::core*) noexcept {}, [](detail::core*) noexcept {}};

// The job as a unit of this process, while it lives.
class job_unit {
 public:
  job_unit(const request_header& request, job_control& control) noexcept
      : core_(&job_ops), control_(control) {
    core_.kind = unit_kind::process;
    core_.id = request.unit_id;
    core_.deadline = request.deadline;
    core_.slot = observe::enter(
        unit_kind::process, 0, {request.name, strnlen(request.name, sizeof request.name)}, nullptr);
    core_.slot->now.store(observe::state::running, std::memory_order_relaxed);
    core_.slot->where.store(getpid(), std::memory_order_relaxed);
    wait::execution& me = wait::self();
    me.unit = &core_;
    me.slot = core_.slot;
    the_job.store(&core_, std::memory_order_relaxed);
    if ((request.flags & request_stop_now) != 0) wait::request_stop(core_, wait::stop_requested);
    control_.begin(core_, request.number);
  }
  // After the body has returned: its on_exit functions, whose exception is the job's.
  void end() {
    detail::run_ends(core_);
    if (core_.error != nullptr) std::rethrow_exception(std::exchange(core_.error, nullptr));
  }
  ~job_unit() {
    detail::run_ends(core_);  // of a body that threw
    control_.end();
    wait::execution& me = wait::self();
    me.unit = nullptr;
    me.slot = nullptr;
    the_job.store(nullptr, std::memory_order_relaxed);
    observe::leave(core_.slot);
    delete core_.source.load(std::memory_order_relaxed);
  }

 private:
  detail::core core_;
  job_control& control_;
};

}  // namespace

void write_exception(byte_writer& result, const std::exception_ptr& error) noexcept {
  result.clear();
  try {
    detail::encode_exception(result, error);
    return;
  } catch (...) {
    result.clear();
  }
  // It did not fit, or there is no memory to describe it. This one needs next to none.
  try {
    detail::encode_exception(result, std::make_exception_ptr(std::bad_alloc()));
  } catch (...) {
    result.clear();
  }
}

byte_writer result_buffer::writer() noexcept {
  in_segment_ = false;
  return byte_writer(std::span<std::byte>(small_), &result_buffer::grow, this);
}

std::span<std::byte> result_buffer::grow(void* self, std::size_t needed) {
  auto& b = *static_cast<result_buffer*>(self);
  if (needed > b.segment_.most()) return {};
  if (!b.segment_.populate(needed)) throw std::bad_alloc();
  if (!b.in_segment_) {
    std::memcpy(b.segment_.data(), b.small_, sizeof b.small_);
    b.in_segment_ = true;
  }
  return {b.segment_.data(), b.segment_.size()};
}

const detail::core* current_job() noexcept { return the_job.load(std::memory_order_relaxed); }

// A forced unwinding has no exception object, and the reference that catches it refers to nothing.
__attribute__((no_sanitize("undefined"))) reply_kind run_job(
    const request_header& request, std::span<const std::byte> rest, os::window& arguments,
    byte_writer& result, channel_words& words, job_control& control,
    detail::attachments& given) noexcept {
  std::exception_ptr error;
  try {
    byte_reader addresses(rest.first(request.address_bytes));
    const auto entry =
        reinterpret_cast<detail::process_entry>(const_cast<void*>(decode_address(addresses)));
    const void* const function = decode_address(addresses);
    std::span<const std::byte> payload = rest.subspan(request.address_bytes);
    if (request.payload_size > inline_most) {
      if (!arguments.extend(request.payload_size)) throw std::bad_alloc();
      payload = {arguments.data(), request.payload_size};
    }
    job_unit unit(request, control);
    const memory_limit limit(request.memory_limit, words);
    byte_reader in(payload);
    in.attach_to(&given);
    entry(in, result, function);
    unit.end();
    return reply_kind::value;
  } catch (abi::__forced_unwind&) {
    // The job called pthread_exit on the worker's only thread of any use: it ends, as a program
    // whose last thread ends does.
    std::fflush(nullptr);
    _exit(0);
  } catch (...) {
    error = std::current_exception();
  }
  write_exception(result, error);
  return reply_kind::exception;
}

}  // namespace trine::process_layer
