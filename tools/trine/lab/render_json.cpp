#include <nlohmann/json.hpp>

#include "render.hpp"

namespace trine_tool::lab {
namespace {

using json = nlohmann::ordered_json;

json json_of(const value& what) {
  return std::visit([](const auto& plain) { return json(plain); }, what);
}

json json_of(const facts& what) {
  json object = json::object();
  for (const auto& [name, fact] : what) object[name] = json_of(fact);
  return object;
}

json json_of(const table& what) {
  json rows = json::array();
  for (const auto& row : what.rows) {
    json object = json::object();
    for (std::size_t i = 0; i < row.size() && i < what.columns.size(); ++i) {
      object[what.columns[i]] = json_of(row[i]);
    }
    rows.push_back(std::move(object));
  }
  json object;
  object["id"] = what.id;
  object["title"] = what.title;
  object["columns"] = what.columns;
  object["rows"] = std::move(rows);
  object["totals"] = json_of(what.totals);
  return object;
}

json json_of(const report& what) {
  json object;
  object["id"] = what.id;
  object["question"] = what.question;
  object["prediction"] = what.prediction;
  object["tables"] = json::array();
  for (const table& each : what.tables) object["tables"].push_back(json_of(each));
  object["verdict"]["outcome"] = to_string(what.found.what);
  object["verdict"]["sentence"] = what.found.sentence;
  object["conditions"] = json_of(what.conditions);
  object["rerun"] = what.rerun;
  return object;
}

}  // namespace

std::string_view to_string(outcome what) {
  switch (what) {
    case outcome::holds:
      return "holds";
    case outcome::holds_with:
      return "holds_with";
    case outcome::does_not_hold:
      return "does_not_hold";
  }
  return "unknown";
}

std::string render_json(const std::vector<report>& reports, std::string_view version) {
  json document;
  document["schema"] = 1;
  document["trine"] = version;
  document["experiments"] = json::array();
  for (const report& each : reports) document["experiments"].push_back(json_of(each));
  return document.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

}  // namespace trine_tool::lab
