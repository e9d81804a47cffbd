// The one word: which kind of unit a function runs as, and with what options.
//
//   auto a = trine::spawn(trine::thread, f);                              // defaults
//   auto b = trine::spawn(trine::coroutine({.name = "reader", .stack_size = 64_KiB}), f);
//   trine::any_unit u = trine::parse_unit("process");                     // chosen at run time
//   auto c = trine::spawn(u, f);
//
// Everything here is a value; nothing blocks, nothing is shared between threads.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <variant>

namespace trine {

// What a unit is. The order is that of the article: process, thread, coroutine.
enum class unit_kind : std::uint8_t { process, thread, coroutine };

// "process", "thread" or "coroutine"; a static string.
const char* to_string(unit_kind kind) noexcept;

// A unit's name: at most 31 bytes, the rest is cut off. Threads show the first 15 to the kernel.
class unit_name {
 public:
  static constexpr std::size_t capacity = 31;

  constexpr unit_name() noexcept = default;
  constexpr unit_name(const char* text) noexcept : unit_name(std::string_view(text)) {}
  unit_name(const std::string& text) noexcept : unit_name(std::string_view(text)) {}
  constexpr unit_name(std::string_view text) noexcept {
    for (std::size_t i = 0; i < text.size() && i < capacity; ++i) text_[i] = text[i];
  }

  constexpr const char* c_str() const noexcept { return text_; }
  constexpr bool empty() const noexcept { return text_[0] == '\0'; }
  constexpr std::string_view view() const noexcept {
    return empty() ? std::string_view() : std::string_view(text_);
  }

 private:
  char text_[capacity + 1] = {};
};

// A set of CPU numbers, 0 … 1023. Empty means: wherever the program may run.
class cpu_set {
 public:
  static constexpr unsigned capacity = 1024;

  constexpr cpu_set() noexcept = default;
  // Throws std::out_of_range for a number beyond the capacity.
  cpu_set(std::initializer_list<unsigned> cpus) {
    for (unsigned cpu : cpus) add(cpu);
  }

  void add(unsigned cpu);
  constexpr bool contains(unsigned cpu) const noexcept {
    return cpu < capacity && ((words_[cpu / 64] >> (cpu % 64)) & 1U) != 0;
  }
  constexpr bool empty() const noexcept {
    for (std::uint64_t word : words_)
      if (word != 0) return false;
    return true;
  }

 private:
  std::array<std::uint64_t, capacity / 64> words_{};
};

// Spans of time in options: zero means none.
struct process_options {
  unit_name name = {};
  // A new process for this job alone; a warm worker otherwise.
  bool fresh = false;
  // Bytes of data (heap, anonymous mappings) the job may add up to; 0: no limit. The job that
  // hits it ends with std::bad_alloc or as `crashed`.
  std::size_t memory_limit = 0;
  // Time from its start after which the process is killed; get() throws `crashed`. 0: no limit.
  std::chrono::nanoseconds wall_limit{0};
  // Time from the spawn after which the unit is asked to stop; its blocking calls then throw
  // `timed_out`, and so does get() unless the body ends otherwise. 0: none. Same for each kind.
  std::chrono::nanoseconds deadline{0};
};

// Threads of Trine block signals, except faults: those are for the host's own threads.
struct thread_options {
  unit_name name = {};
  // Bytes; 0: 1 MiB.
  std::size_t stack_size = 0;
  // Where it may run; empty: where the program may.
  cpu_set cpus = {};
  std::chrono::nanoseconds deadline{0};
};

struct coroutine_options {
  unit_name name = {};
  // Bytes, rounded up to a size class; 0: 1 MiB. Memory is used only where it is touched. Below it
  // lie 64 KiB of guard: who runs into them ends the program by SIGSEGV, after a line on stderr
  // that names the coroutine and where it was spawned. A function whose own frame is larger than
  // that must be compiled with -fstack-clash-protection, or it may reach past the guard.
  std::size_t stack_size = 0;
  // The worker that becomes its home; -1: whichever takes it first.
  int worker = -1;
  // May continue on another worker after it parked (DESIGN §1.3); for code that keeps no
  // address of a thread-local across a blocking call.
  bool roaming = false;
  std::chrono::nanoseconds deadline{0};
};

// A kind with its options: what `process({...})`, `thread({...})`, `coroutine({...})` make.
struct process_unit {
  process_options options{};
};
struct thread_unit {
  thread_options options{};
};
struct coroutine_unit {
  coroutine_options options{};
};

// The types of the three constants below.
struct process_t {
  constexpr process_unit operator()(process_options options) const noexcept { return {options}; }
  constexpr operator process_unit() const noexcept { return {}; }
};
struct thread_t {
  constexpr thread_unit operator()(thread_options options) const noexcept { return {options}; }
  constexpr operator thread_unit() const noexcept { return {}; }
};
struct coroutine_t {
  constexpr coroutine_unit operator()(coroutine_options options) const noexcept {
    return {options};
  }
  constexpr operator coroutine_unit() const noexcept { return {}; }
};

inline constexpr process_t process{};
inline constexpr thread_t thread{};
inline constexpr coroutine_t coroutine{};

// A unit chosen at run time. What is spawned through it must satisfy the rules of processes.
class any_unit {
 public:
  constexpr any_unit(process_unit unit) noexcept : unit_(unit) {}
  constexpr any_unit(thread_unit unit) noexcept : unit_(unit) {}
  constexpr any_unit(coroutine_unit unit) noexcept : unit_(unit) {}
  constexpr any_unit(process_t) noexcept : unit_(process_unit{}) {}
  constexpr any_unit(thread_t) noexcept : unit_(thread_unit{}) {}
  constexpr any_unit(coroutine_t) noexcept : unit_(coroutine_unit{}) {}

  constexpr unit_kind kind() const noexcept { return static_cast<unit_kind>(unit_.index()); }
  constexpr const std::variant<process_unit, thread_unit, coroutine_unit>& get() const noexcept {
    return unit_;
  }

 private:
  std::variant<process_unit, thread_unit, coroutine_unit> unit_;
};

// The unit of that name, with default options. Throws std::invalid_argument, in a sentence, for
// anything but "process", "thread" and "coroutine".
any_unit parse_unit(std::string_view text);

namespace literals {
// Sizes: 64_KiB, 256_MiB, 1_GiB.
constexpr std::size_t operator""_KiB(unsigned long long n) {
  return static_cast<std::size_t>(n) << 10;
}
constexpr std::size_t operator""_MiB(unsigned long long n) {
  return static_cast<std::size_t>(n) << 20;
}
constexpr std::size_t operator""_GiB(unsigned long long n) {
  return static_cast<std::size_t>(n) << 30;
}
}  // namespace literals

}  // namespace trine
