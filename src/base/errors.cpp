#include <trine/errors.hpp>

#include <csignal>
#include <cstring>
#include <utility>

namespace trine {
namespace {

// More helpful than strsignal, whose words ("Segmentation fault") explain little.
const char* explain(int signal) noexcept {
  switch (signal) {
    case SIGSEGV:
      return "invalid memory access";
    case SIGBUS:
      return "access to memory that has nothing behind it";
    case SIGFPE:
      return "integer division by zero or overflow";
    case SIGILL:
      return "illegal instruction";
    case SIGABRT:
      return "abort(), std::terminate or a failed assertion";
    case SIGTRAP:
      return "breakpoint or trap";
    case SIGSYS:
      return "a system call that its sandbox forbids";
    case SIGKILL:
      return "killed from outside, perhaps because the machine ran out of memory";
    case SIGTERM:
      return "asked to terminate from outside";
    case SIGXCPU:
      return "CPU time limit";
    case SIGXFSZ:
      return "file size limit";
    case SIGPIPE:
      return "wrote to a pipe nobody reads";
    default:
      break;
  }
  const char* text = ::sigdescr_np(signal);
  return text != nullptr ? text : "a signal without a name";
}

std::string signal_name(int signal) {
  const char* name = ::sigabbrev_np(signal);
  return name != nullptr ? std::string("SIG") + name : "signal " + std::to_string(signal);
}

std::string trimmed(const std::string& text) {
  const auto end = text.find_last_not_of(" \t\r\n");
  return end == std::string::npos ? std::string() : text.substr(0, end + 1);
}

std::string sentence_of(const crash_details& d) {
  std::string text = "trine: process unit ";
  if (!d.unit_name.empty()) text += '\'' + d.unit_name + "' ";
  text += "(pid " + std::to_string(d.pid) + ") ";
  if (d.killed) {
    text += "was ended by kill()";
  } else if (d.limit != limit_kind::none) {
    text += std::string("reached its ") + to_string(d.limit) + " and was ended";
    if (d.signal != 0) text += " by " + signal_name(d.signal);
  } else if (d.signal != 0) {
    text += "was ended by signal " + std::to_string(d.signal) + " (" + signal_name(d.signal) +
            ", " + explain(d.signal) + ")";
  } else {
    text += "exited with code " + std::to_string(d.exit_code) + " before it handed back a result";
  }
  if (const std::string words = trimmed(d.stderr_tail); !words.empty())
    text += "; its last words: " + words;
  return text;
}

}  // namespace

const char* cancelled::what() const noexcept { return "trine: the unit was asked to stop"; }

const char* to_string(limit_kind limit) noexcept {
  switch (limit) {
    case limit_kind::none:
      return "none";
    case limit_kind::memory:
      return "memory limit";
    case limit_kind::cpu_time:
      return "CPU time limit";
    case limit_kind::wall_time:
      return "wall time limit";
  }
  return "unknown limit";
}

struct crashed::state {
  crash_details details;
  std::string sentence;
};

crashed::crashed(crash_details details) {
  std::string sentence = sentence_of(details);
  state_ = std::make_shared<const state>(state{std::move(details), std::move(sentence)});
}

const char* crashed::what() const noexcept { return state_->sentence.c_str(); }
int crashed::signal() const noexcept { return state_->details.signal; }
int crashed::exit_code() const noexcept { return state_->details.exit_code; }
limit_kind crashed::limit() const noexcept { return state_->details.limit; }
bool crashed::killed() const noexcept { return state_->details.killed; }
const std::string& crashed::stderr_tail() const noexcept { return state_->details.stderr_tail; }
pid_t crashed::pid() const noexcept { return state_->details.pid; }
const std::string& crashed::unit_name() const noexcept { return state_->details.unit_name; }
const crash_details& crashed::details() const noexcept { return state_->details; }

struct remote_error::state {
  std::string type_name;
  std::string sentence;
};

remote_error::remote_error(std::string type_name, std::string sentence)
    : state_(std::make_shared<const state>(state{std::move(type_name), std::move(sentence)})) {}

const char* remote_error::what() const noexcept { return state_->sentence.c_str(); }
const std::string& remote_error::type_name() const noexcept { return state_->type_name; }

}  // namespace trine
