// A benchmark that is a program of its own. It says "ready" on a line when it has warmed up; then
// each line with a number n that it reads asks for n operations, and it answers with nanoseconds
// for each and the sum of their results. It ends when its input does.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace bench {

class line_peer {
 public:
  // Starts the program. Throws peer_missing when it cannot be started or does not get ready;
  // `hint` says how to get it.
  line_peer(const std::vector<std::string>& command, const std::string& hint);
  ~line_peer();
  line_peer(const line_peer&) = delete;
  line_peer& operator=(const line_peer&) = delete;

  // Nanoseconds for each operation; the sum has been checked.
  double sample(long n);

  // The other side of it: the loop of a peer written in C++. `run` does n operations, gives
  // nanoseconds for each and adds the results to the sum.
  static int serve(double (*run)(long n, long& sum));

 private:
  std::string read_line(int seconds);
  void close();

  std::string name_;
  std::string buffered_;
  int fd_ = -1;
  pid_t pid_ = -1;
};

}  // namespace bench
