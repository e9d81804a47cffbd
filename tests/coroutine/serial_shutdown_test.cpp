// The end of a program, in each way there is, while units of every kind are running, parked and
// queued: no hang, no crash, the status that was asked for, nobody left behind. Each end is a
// program of its own (tests/programs/shutdown.cpp), run again and again, several at once, beside
// threads that keep the processors busy. TRINE_ROUNDS says how often; 1,000 by hand.
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <thread>

#include "contract/support.hpp"

namespace {

using namespace support;

struct ending {
  const char* how;
  int status;        // of exit; negative: the signal
  bool destructors;  // of globals run
};
void PrintTo(const ending& e, std::ostream* out) { *out << e.how; }

class shutdown : public ::testing::TestWithParam<ending> {};
std::string name_of(const ::testing::TestParamInfo<ending>& info) { return info.param.how; }
INSTANTIATE_TEST_SUITE_P(each, shutdown,
                         ::testing::Values(ending{"return", 7, true}, ending{"exit", 7, true},
                                           ending{"exit_in_coroutine", 7, true},
                                           ending{"exit_in_parked_coroutine", 7, true},
                                           ending{"exit_in_thread", 7, true},
                                           ending{"throw", -SIGABRT, false},
                                           ending{"quick_exit", 7, false},
                                           ending{"_exit", 7, false}),
                         name_of);

std::string program_path() {
  return std::filesystem::read_symlink("/proc/self/exe").parent_path() / "program_shutdown";
}

// A counter for the program, and what it says.
class place {
 public:
  place() : folder_("/dev/shm/trine-shutdown-XXXXXX") {
    if (mkdtemp(folder_.data()) == nullptr) throw std::runtime_error("no folder in /dev/shm");
    std::ofstream(counter()) << std::string(64, '\0');
  }
  place(const place&) = delete;
  place& operator=(const place&) = delete;
  ~place() { std::filesystem::remove_all(folder_); }
  std::string counter() const { return folder_ + "/counter"; }
  std::string said() const { return folder_ + "/said"; }
  std::string text() const {
    std::ifstream file(said());
    return {std::istreambuf_iterator<char>(file), {}};
  }

 private:
  std::string folder_;
};

pid_t start(const ending& e, const place& where) {
  std::string program = program_path(), how = e.how, counter = where.counter();
  char* arguments[] = {program.data(), how.data(), counter.data(), nullptr};
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, 2, where.said().c_str(), O_CREAT | O_WRONLY, 0600);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  // A session of its own, by which what it leaves behind is found.
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);
  pid_t pid = -1;
  const int error = posix_spawn(&pid, program.c_str(), &files, &attributes, arguments, environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&files);
  if (error != 0) throw std::runtime_error(program + ": " + std::strerror(error));
  return pid;
}

// The status when it ends within the span; else it is killed.
constexpr int hung = 0x10000;
int status_of(pid_t pid, std::chrono::seconds most) {
  const auto until = std::chrono::steady_clock::now() + most;
  for (;;) {
    int status = 0;
    if (waitpid(pid, &status, WNOHANG) == pid) return status;
    if (std::chrono::steady_clock::now() > until) break;
    usleep(500);
  }
  kill(pid, SIGKILL);
  waitpid(pid, nullptr, 0);
  return hung;
}

bool anyone_in_session(pid_t session) {
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const std::string name = entry.path().filename();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    std::ifstream file(entry.path() / "stat");
    std::string line;
    if (!std::getline(file, line)) continue;
    std::istringstream rest(line.substr(line.rfind(')') + 2));
    std::string state;
    long parent = 0, group = 0, of = 0;
    rest >> state >> parent >> group >> of;
    if (of == session && state != "Z") return true;
  }
  return false;
}

int rounds() {
  const char* const text = std::getenv("TRINE_ROUNDS");
  return text != nullptr ? std::atoi(text) : sanitized ? 4 : 12;
}

TEST_P(shutdown, while_units_are_in_every_state) {
  const ending& e = GetParam();
  std::atomic<bool> over{false};
  std::vector<std::thread> load;
  for (int i = 0; i < 2; ++i)
    load.emplace_back([&over] {
      while (!over.load(std::memory_order_relaxed)) {
      }
    });
  constexpr int at_once = 2;
  for (int round = 0; round < rounds() && !HasFailure(); round += at_once) {
    place where[at_once];
    pid_t pid[at_once];
    for (int i = 0; i < at_once; ++i) pid[i] = start(e, where[i]);
    for (int i = 0; i < at_once; ++i) {
      const int status = status_of(pid[i], 60s);
      const int code = status == hung        ? hung
                       : WIFSIGNALED(status) ? -WTERMSIG(status)
                                             : WEXITSTATUS(status);
      const std::string text = where[i].text();
      EXPECT_EQ(code, e.status) << (code == hung ? "it hung\n" : "") << text;
      const auto first = text.find("destructors of globals\n");
      EXPECT_EQ(first != std::string::npos, e.destructors) << text;
      EXPECT_EQ(text.find("destructors of globals\n", first + 1), std::string::npos) << text;
      const auto until = std::chrono::steady_clock::now() + 20s;
      while (anyone_in_session(pid[i]) && std::chrono::steady_clock::now() < until) usleep(2000);
      EXPECT_FALSE(anyone_in_session(pid[i])) << "a process was left behind";
    }
  }
  over.store(true);
  for (std::thread& t : load) t.join();
}

}  // namespace
