#include "main.hpp"

namespace {

struct forks {
  template <class F, class G>
  static void pair(F&& f, G&& g) {
#pragma omp task default(shared)
    f();
    g();
#pragma omp taskwait
  }
  template <class A, class B, class C, class D>
  static void four(A&& a, B&& b, C&& c, D&& d) {
#pragma omp task default(shared)
    a();
#pragma omp task default(shared)
    b();
#pragma omp task default(shared)
    c();
    d();
#pragma omp taskwait
  }
  template <class F>
  static void each(int n, F&& f) {
    for (int i = 0; i + 1 < n; ++i) {
#pragma omp task default(shared) firstprivate(i)
      f(i);
    }
    f(n - 1);
#pragma omp taskwait
  }
};

}  // namespace

int main(int argc, char** argv) {
  return suite::main_of<forks>(argc, argv,
                               []([[maybe_unused]] int workers, const std::function<void()>& work) {
#pragma omp parallel num_threads(workers)
#pragma omp single
                                 work();
                               });
}
