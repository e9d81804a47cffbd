// The ten-line example, as a program of somebody who uses Trine.
#include <cstdio>
#include <trine/trine.hpp>

long count(int rounds) {
  long n = 0;
  for (int i = 0; i < rounds; ++i) n += i;
  return n;
}

int main() {
  auto a = trine::spawn(trine::process, count, 100000);
  auto b = trine::spawn(trine::thread, count, 100000);
  auto c = trine::spawn(trine::coroutine, count, 100000);
  const long sum = a.get() + b.get() + c.get();
  std::printf("%ld\n", sum);
  return sum == 14999850000 ? 0 : 1;
}
