// The exceptions of Trine: what get(), a blocking call or a misuse can throw.
//
//   try {
//     auto pixels = trine::spawn(trine::process({.name = "decoder"}), decode, file).get();
//   } catch (const trine::crashed& e) {        // the process died; this program did not
//     log(e.what());                           // a sentence: who, how, its last words
//     if (e.limit() == trine::limit_kind::memory) retry_with_more();
//   } catch (const trine::remote_error& e) {   // it threw a type that cannot cross
//     log(e.type_name(), e.what());
//   }
//
// All derive from std::exception. Copies never throw: they share what they describe, so one
// exception may be read by any number of threads. Nothing here blocks.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>

namespace trine {

// A blocking call ended because its unit was asked to stop. Let it leave the unit's function.
class cancelled : public std::exception {
 public:
  const char* what() const noexcept override;
};

// A deadline passed first: the one of a call, or the unit's own.
class timed_out : public std::runtime_error {
 public:
  timed_out() : timed_out("trine: the deadline passed before the call could finish") {}
  explicit timed_out(const std::string& sentence) : std::runtime_error(sentence) {}
};

// A send on a channel that has been closed.
class closed : public std::runtime_error {
 public:
  closed() : closed("trine: the channel is closed; a closed channel takes no more values") {}
  explicit closed(const std::string& sentence) : std::runtime_error(sentence) {}
};

// Trine was used in a way that cannot work; the sentence says what to do instead.
class usage_error : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

// Bytes that are not the encoding of the type that was asked for, a value that cannot be encoded,
// or a buffer too small for it (trine/serialize.hpp).
class wire_error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// The limit of its options that ended a process unit.
enum class limit_kind : std::uint8_t { none, memory, cpu_time, wall_time };

// "none", "memory limit", "CPU time limit" or "wall time limit"; a static string.
const char* to_string(limit_kind limit) noexcept;

// What is known about the end of a process unit; what `crashed` is made from.
struct crash_details {
  std::string unit_name{};
  pid_t pid = 0;
  int signal = 0;      // 0: it exited
  int exit_code = -1;  // -1: it was ended by a signal
  limit_kind limit = limit_kind::none;
  bool killed = false;        // by handle::kill()
  std::string stderr_tail{};  // the end of what it wrote to stderr

  bool operator==(const crash_details&) const = default;
};

// A process unit ended without handing back a result or an exception: by a signal, by exiting, by a
// limit of its options, or by handle::kill(). Only that unit is lost.
class crashed : public std::exception {
 public:
  // Throws std::bad_alloc.
  explicit crashed(crash_details details);

  // A full sentence: which unit, how it ended, its last words.
  const char* what() const noexcept override;

  // The signal that ended it; 0 when it exited.
  int signal() const noexcept;
  // The code it exited with; -1 when a signal ended it.
  int exit_code() const noexcept;
  // The limit it ran into, or limit_kind::none.
  limit_kind limit() const noexcept;
  // Whether it was ended by handle::kill().
  bool killed() const noexcept;
  // The end of what it wrote to stderr; may be empty. References live as long as any copy.
  const std::string& stderr_tail() const noexcept;
  pid_t pid() const noexcept;
  const std::string& unit_name() const noexcept;
  const crash_details& details() const noexcept;

 private:
  struct state;
  std::shared_ptr<const state> state_;
};

// An exception of another process whose type does not exist here as a value: neither standard nor
// one of Trine's. Standard exceptions arrive as themselves.
class remote_error : public std::exception {
 public:
  // Throws std::bad_alloc.
  remote_error(std::string type_name, std::string sentence);

  // What the original's what() said; for a type without what(), a description.
  const char* what() const noexcept override;
  // The demangled name of the original's type, such as "shop::out_of_stock".
  const std::string& type_name() const noexcept;

 private:
  struct state;
  std::shared_ptr<const state> state_;
};

}  // namespace trine
