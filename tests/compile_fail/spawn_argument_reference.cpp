// expect: wrap a reference in std::ref
#include <trine/trine.hpp>

void change(int& n) { ++n; }

int main() {
  int n = 3;
  trine::spawn(trine::thread, change, n).get();
}
