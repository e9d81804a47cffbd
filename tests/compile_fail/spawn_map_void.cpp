// expect: map needs a function that returns a value; use for_each
#include <vector>

#include <trine/trine.hpp>

int main() {
  trine::map(trine::thread, std::vector<int>{1}, [](int) {});
}
