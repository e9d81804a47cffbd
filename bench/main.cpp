// trine_bench: Trine's figures beside those of its peers. Exit codes: 0 all marks that could be
// measured are met, 1 a benchmark failed, 2 bad usage, 3 a mark is missed.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstring>
#include <fstream>

#include "figures.hpp"
#include "report.hpp"

namespace {

std::vector<bench::figure> all_figures() {
  std::vector<bench::figure> all;
  for (auto make : {bench::channel_figures, bench::coroutine_figures, bench::thread_figures,
                    bench::process_figures, bench::sync_figures}) {
    for (bench::figure& one : make()) all.push_back(std::move(one));
  }
  return all;
}

std::vector<bench::figure> chosen_figures(const std::string& filter) {
  std::vector<bench::figure> all = all_figures();
  std::string names;
  for (const bench::figure& one : all) names += " " + one.name;
  std::erase_if(all,
                [&](const bench::figure& f) { return f.name.find(filter) == std::string::npos; });
  if (all.empty())
    throw CLI::ValidationError("--filter",
                               fmt::format("no figure has '{}' in its name:{}", filter, names));
  return all;
}

// A line on stderr that replaces itself; nothing when stderr is not a terminal.
void show_progress(const std::string& text) {
  if (::isatty(STDERR_FILENO) == 0) return;
  fmt::print(stderr, "\r\033[K{}", text);
  std::fflush(stderr);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2 && std::strcmp(argv[1], "host-one-core") == 0) return bench::serve_one_core();

  CLI::App app{
      "Trine's figures beside those of its peers, measured in turns.\n"
      "Exit code: 0 marks met, 1 a benchmark failed, 2 bad usage, 3 a mark is missed.",
      "trine_bench"};
  bool json = false;
  bool quick = false;
  int runs = 0;
  std::string filter;
  std::string markdown;
  app.add_flag("--json", json, "JSON on stdout instead of the table");
  app.add_flag("--quick", quick, "5 runs of 5 ms instead of 15 of 20 ms");
  app.add_option("--runs", runs, "samples of each series")->check(CLI::Range(1, 10'000));
  app.add_option("--filter", filter, "only figures with this text in their name");
  app.add_option("--markdown", markdown, "write the report as Markdown to this file too");
  bench::report all;
  std::vector<bench::figure> chosen;
  std::ofstream file;
  try {
    app.parse(argc, argv);
    chosen = chosen_figures(filter);
    if (!markdown.empty()) {
      file.open(markdown);
      if (!file) throw CLI::ValidationError("--markdown", markdown + " cannot be written");
    }
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : 2;
  }
  if (quick) all.how = {.runs = 5, .sample_time = std::chrono::milliseconds(5)};
  if (runs > 0) all.how.runs = runs;

  all.where = bench::current_conditions();
  for (const bench::figure& one : chosen)
    all.figures.push_back(bench::measure(one, all.how, show_progress));
  show_progress("");

  fmt::print("{}", json ? bench::as_json(all) : bench::as_text(all));
  if (file.is_open()) file << bench::as_markdown(all) << std::flush;
  if (std::fflush(stdout) != 0 || (file.is_open() && !file)) {
    fmt::print(stderr, "trine_bench: the report could not be written in full.\n");
    return 1;
  }
  if (bench::any_failed(all)) return 1;
  return bench::any_missed(all) ? 3 : 0;
}
