// expect: a member function cannot run as a process
#include <trine/trine.hpp>

struct counter {
  int n = 0;
  int get() { return n; }
};

int main() { trine::spawn(trine::process, &counter::get, counter{}).get(); }
