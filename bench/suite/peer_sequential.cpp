// The same programs as plain calls. fib is kept from being inlined into itself: one call for each
// task of the others.
#include "main.hpp"

namespace {

struct forks {
  template <class F, class G>
  static void pair(F&& f, G&& g) {
    f();
    g();
  }
  template <class... F>
  static void four(F&&... f) {
    (f(), ...);
  }
  template <class F>
  static void each(int n, F&& f) {
    for (int i = 0; i < n; ++i) f(i);
  }
};

}  // namespace

template <>
[[gnu::noinline]] std::uint64_t suite::fib<forks>(int n) {
  if (n < 2) return static_cast<std::uint64_t>(n);
  const std::uint64_t a = fib<forks>(n - 1);
  std::uint64_t b = fib<forks>(n - 2);
  asm("" : "+r"(b));  // both are calls, none a jump
  return a + b;
}

int main(int argc, char** argv) {
  return suite::main_of<forks>(argc, argv, [](int, const std::function<void()>& work) { work(); });
}
