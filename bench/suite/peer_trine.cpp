#include <trine/trine.hpp>

#include "main.hpp"

namespace {

struct forks {
  template <class F, class G>
  [[gnu::always_inline]] static void pair(F&& f, G&& g) {
    trine::parallel_invoke(std::forward<F>(f), std::forward<G>(g));
  }
  template <class... F>
  static void four(F&&... f) {
    trine::parallel_invoke(std::forward<F>(f)...);
  }
  template <class F>
  static void each(int n, F&& f) {
    trine::parallel_for(0, n, f);
  }
};

}  // namespace

int main(int argc, char** argv) {
  return suite::main_of<forks>(argc, argv, [](int workers, const std::function<void()>& work) {
    trine::configure({.workers = static_cast<unsigned>(workers)});
    trine::spawn(trine::coroutine, work).get();
  });
}
