#include "plan.h"

#include <array>
#include <sstream>
#include <stdexcept>

namespace aurora_global::sessions {
namespace {

constexpr std::array<std::pair<Wait, std::string_view>, 4> kWaits = {{{Wait::none, "none"},
                                                                      {Wait::answers, "answers"},
                                                                      {Wait::quiet, "quiet"},
                                                                      {Wait::cancel, "cancel"}}};

Wait wait_named(std::string_view name) {
  for (const auto& [wait, text] : kWaits) {
    if (text == name) return wait;
  }
  throw std::invalid_argument("no such wait: " + std::string(name));
}

void take_line(Plan& plan, Step& step, const std::string& line) {
  constexpr std::string_view kStartup = "startup ";
  constexpr std::string_view kWait = "wait ";
  if (line.starts_with(kStartup)) {
    const std::size_t equals = line.find('=');
    if (equals == std::string::npos) throw std::invalid_argument("startup NAME=VALUE");
    plan.startup.emplace_back(line.substr(kStartup.size(), equals - kStartup.size()),
                              unescaped(line.substr(equals + 1)));
  } else if (line.starts_with(kWait)) {
    step.wait = wait_named(line.substr(kWait.size()));
    plan.steps.push_back(std::move(step));
    step = {};
  } else if (line.size() == 1) {
    step.messages.push_back({line[0], {}});
  } else if (line[1] == ' ') {
    step.messages.push_back({line[0], unescaped(line.substr(2))});
  } else {
    throw std::invalid_argument("neither a message nor startup nor wait");
  }
}

}  // namespace

std::size_t Plan::messages() const {
  std::size_t count = 0;
  for (const Step& step : steps) count += step.messages.size();
  return count;
}

std::string to_text(const Plan& plan) {
  std::string out;
  for (const auto& [name, value] : plan.startup) {
    out += "startup " + name + "=" + escaped(value) + "\n";
  }
  for (const Step& step : plan.steps) {
    for (const Message& message : step.messages) {
      out += message.type;
      if (!message.body.empty()) out += " " + escaped(message.body);
      out += '\n';
    }
    for (const auto& [wait, text] : kWaits) {
      if (wait == step.wait) out += "wait " + std::string(text) + "\n";
    }
  }
  return out;
}

Plan plan_from_text(const std::string& text) {
  Plan plan;
  Step step;
  std::istringstream lines(text);
  std::string line;
  for (int number = 1; std::getline(lines, line); ++number) {
    if (line.empty() || line[0] == '#') continue;
    try {
      take_line(plan, step, line);
    } catch (const std::invalid_argument& error) {
      throw std::invalid_argument("line " + std::to_string(number) + ": " + error.what());
    }
  }
  if (!step.messages.empty()) plan.steps.push_back(std::move(step));
  return plan;
}

}  // namespace aurora_global::sessions
