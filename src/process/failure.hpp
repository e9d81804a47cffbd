// Why no worker can be had, as data: each unit that fails of it gets an exception object of its
// own, so that no two threads ever share one.
#pragma once

#include <exception>
#include <string>
#include <system_error>

#include <trine/errors.hpp>

namespace trine::process_layer {

struct failure {
  std::string sentence;
  int error = 0;  // errno; 0: the program cannot have process units at all

  explicit operator bool() const noexcept { return !sentence.empty(); }
  std::exception_ptr make() const noexcept {
    try {
      if (error == 0) return std::make_exception_ptr(usage_error(sentence));
      return std::make_exception_ptr(std::system_error(error, std::generic_category(), sentence));
    } catch (...) {
      return std::current_exception();
    }
  }
};

}  // namespace trine::process_layer
