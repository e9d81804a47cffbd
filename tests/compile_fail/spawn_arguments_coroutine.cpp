// expect: the function cannot be called with copies of these arguments
#include <trine/trine.hpp>

int add(int a, int b) { return a + b; }

int main() { trine::spawn(trine::coroutine, add, 1, 2, 3).get(); }
