// expect: deleted
#include <trine/trine.hpp>

int main() {
  auto a = trine::spawn(trine::thread, [] {});
  auto b = a;
}
