// expect: a function that changes its argument through a reference cannot run as a process
#include <functional>
#include <trine/trine.hpp>

void bump(int& n) { ++n; }

int main() {
  int n = 1;
  trine::spawn(trine::process, bump, std::ref(n)).get();
}
