// expect: this argument holds a raw pointer
#include <trine/trine.hpp>

int look(int* p) { return *p; }

int main() {
  int n = 3;
  trine::spawn(trine::process, look, &n).get();
}
