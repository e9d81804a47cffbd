// expect: a lambda with captures cannot run as a process
#include <trine/trine.hpp>

int main() {
  int n = 3;
  trine::any_unit unit = trine::thread;
  trine::spawn(unit, [&n] { return n; }).get();
}
