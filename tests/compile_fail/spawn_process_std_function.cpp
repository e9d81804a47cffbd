// expect: cannot run as a process
#include <functional>

#include <trine/trine.hpp>

int main() {
  std::function<int()> f = [] { return 3; };
  trine::spawn(trine::process, f).get();
}
