// expect: a lambda with captures cannot run as a process
#include <trine/trine.hpp>

int main() {
  int n = 3;
  trine::spawn(trine::process, [n] { return n; }).get();
}
