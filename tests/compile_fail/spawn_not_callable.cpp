// expect: the function cannot be called with copies of these arguments
#include <trine/trine.hpp>

int main() { trine::spawn(trine::coroutine, 42).get(); }
