#include "report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "statistics.hpp"

namespace bench {
namespace {

std::string duration(double ns) {
  const char* unit = "ns";
  double value = ns;
  if (ns >= 1e6) {
    unit = "ms";
    value = ns / 1e6;
  } else if (ns >= 1e3) {
    unit = "us";
    value = ns / 1e3;
  }
  return fmt::format("{:.{}f} {}", value, value < 10 ? 2 : value < 100 ? 1 : 0, unit);
}

std::string ratio_text(double value) {
  return fmt::format("{:.{}f}", value, value < 0.1 ? 4 : value < 10 ? 2 : 1);
}

// A row of the tables, in words.
struct row {
  std::string name, median, deviation, least, most, ratio;
};

std::vector<double> ratios_to(const figure_result& figure, const series_result& peer) {
  const series_result* const subject = figure.find(peer.against);
  return subject == nullptr ? std::vector<double>{} : ratios(subject->samples, peer.samples);
}

row row_of(const figure_result& figure, const series_result& one) {
  const auto [least, most] = std::minmax_element(one.samples.begin(), one.samples.end());
  row r{.name = one.name,
        .median = duration(median(one.samples)),
        .deviation = duration(deviation(one.samples)),
        .least = duration(*least),
        .most = duration(*most),
        .ratio = {}};
  const std::vector<double> to_peer = ratios_to(figure, one);
  if (to_peer.empty()) return r;
  const auto [low, high] = std::minmax_element(to_peer.begin(), to_peer.end());
  r.ratio = fmt::format("{} ({} .. {})", ratio_text(median(to_peer)), ratio_text(*low),
                        ratio_text(*high));
  return r;
}

std::string mark_text(const mark_result& result) {
  const mark& m = result.promise;
  const bool absolute = m.peer.empty();
  const std::string limit = absolute ? fmt::format("{} <= {}", m.subject, duration(m.limit))
                                     : fmt::format("{} <= {} x {}", m.subject, m.limit, m.peer);
  if (!result.measured) return fmt::format("not measured: {}", limit);
  return fmt::format("{}: {}; it is {}", result.met ? "met" : "MISSED", limit,
                     absolute ? duration(result.value) : ratio_text(result.value));
}

std::string how_text(const plan& how) {
  return fmt::format(
      "Medians of {} interleaved runs of {} ms; dev is the median deviation. The ratio is Trine's "
      "time / this peer's in the same run: median (least .. most).",
      how.runs, how.sample_time.count() / 1'000'000);
}

}  // namespace

std::string as_text(const report& all) {
  std::string out = to_string(all.where) + "\n" + how_text(all.how) + "\n";
  for (const figure_result& figure : all.figures) {
    out += fmt::format("\n{}: {}\n", figure.name, figure.about);
    out += fmt::format("  {:<42}{:>10}{:>10}{:>10}{:>10}  {}\n", "", "median", "dev", "min", "max",
                       "ratio");
    for (const series_result& one : figure.all) {
      if (!one.missing.empty()) {
        out += fmt::format("  {:<42}skipped: {}\n", one.name, one.missing);
      } else if (!one.samples.empty()) {
        const row r = row_of(figure, one);
        out += fmt::format("  {:<42}{:>10}{:>10}{:>10}{:>10}  {}\n", r.name, r.median, r.deviation,
                           r.least, r.most, r.ratio);
      }
    }
    if (!figure.failure.empty()) out += fmt::format("  FAILED: {}\n", figure.failure);
    for (const mark_result& result : figure.marks)
      out += fmt::format("  mark {}\n", mark_text(result));
  }
  return out;
}

std::string as_markdown(const report& all) {
  std::string out = fmt::format("{}\n\n{}\n", to_string(all.where), how_text(all.how));
  for (const figure_result& figure : all.figures) {
    out += fmt::format("\n### {}: {}\n\n", figure.name, figure.about);
    out += "| | median | dev | min | max | ratio |\n| --- | --- | --- | --- | --- | --- |\n";
    for (const series_result& one : figure.all) {
      if (!one.missing.empty()) {
        out += fmt::format("| {} | skipped: {} | | | | |\n", one.name, one.missing);
      } else if (!one.samples.empty()) {
        const row r = row_of(figure, one);
        out += fmt::format("| {} | {} | {} | {} | {} | {} |\n", r.name, r.median, r.deviation,
                           r.least, r.most, r.ratio);
      }
    }
    out += "\n";
    if (!figure.failure.empty()) out += fmt::format("- FAILED: {}\n", figure.failure);
    for (const mark_result& result : figure.marks)
      out += fmt::format("- mark {}\n", mark_text(result));
  }
  return out;
}

std::string as_json(const report& all) {
  using nlohmann::ordered_json;
  ordered_json figures = ordered_json::array();
  for (const figure_result& figure : all.figures) {
    ordered_json rows = ordered_json::array();
    for (const series_result& one : figure.all) {
      ordered_json r{{"name", one.name}};
      if (!one.missing.empty()) r["skipped"] = one.missing;
      if (!one.samples.empty()) {
        r["median_ns"] = median(one.samples);
        r["deviation_ns"] = deviation(one.samples);
        r["operations"] = one.operations;
        r["samples_ns"] = one.samples;
      }
      const std::vector<double> to_peer = ratios_to(figure, one);
      if (!to_peer.empty()) {
        r["against"] = one.against;
        r["ratio"] = median(to_peer);
      }
      rows.push_back(std::move(r));
    }
    ordered_json marks = ordered_json::array();
    for (const mark_result& m : figure.marks) {
      ordered_json r{{"subject", m.promise.subject}, {"limit", m.promise.limit}};
      if (!m.promise.peer.empty()) r["peer"] = m.promise.peer;
      if (m.measured) r["value"] = m.value;
      r["verdict"] = !m.measured ? "not measured" : m.met ? "met" : "missed";
      marks.push_back(std::move(r));
    }
    ordered_json f{{"name", figure.name}, {"about", figure.about}, {"series", rows}};
    f["marks"] = marks;
    if (!figure.failure.empty()) f["failed"] = figure.failure;
    figures.push_back(std::move(f));
  }
  const conditions& w = all.where;
  return ordered_json{{"conditions",
                       {{"date", w.date},
                        {"cpu", w.cpu},
                        {"cores", w.cores},
                        {"kernel", w.kernel},
                        {"compiler", w.compiler},
                        {"flags", w.flags},
                        {"commit", w.commit},
                        {"load", w.load}}},
                      {"runs", all.how.runs},
                      {"sample_ms", all.how.sample_time.count() / 1'000'000},
                      {"figures", figures}}
             .dump(2) +
         "\n";
}

bool any_failed(const report& all) {
  return std::any_of(all.figures.begin(), all.figures.end(),
                     [](const figure_result& f) { return !f.failure.empty(); });
}

bool any_missed(const report& all) {
  for (const figure_result& figure : all.figures) {
    for (const mark_result& m : figure.marks) {
      if (m.measured && !m.met) return true;
    }
  }
  return false;
}

}  // namespace bench
