#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/parallel_invoke.h>
#include <oneapi/tbb/task_arena.h>
#include <oneapi/tbb/task_group.h>

#include "main.hpp"

namespace {

struct forks {
  template <class F, class G>
  static void pair(F&& f, G&& g) {
    tbb::parallel_invoke(f, g);
  }
  template <class... F>
  static void four(F&&... f) {
    tbb::parallel_invoke(f...);
  }
  // The last child runs here.
  template <class F>
  static void each(int n, F&& f) {
    tbb::task_group group;
    for (int i = 0; i + 1 < n; ++i) group.run([&f, i] { f(i); });
    group.run_and_wait([&f, n] { f(n - 1); });
  }
};

}  // namespace

int main(int argc, char** argv) {
  return suite::main_of<forks>(argc, argv, [](int workers, const std::function<void()>& work) {
    const tbb::global_control limit(tbb::global_control::max_allowed_parallelism,
                                    static_cast<std::size_t>(workers));
    tbb::task_arena arena(workers);
    arena.execute(work);
  });
}
