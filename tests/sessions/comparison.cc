#include "comparison.h"

#include <algorithm>
#include <array>

namespace aurora_global::sessions {
namespace {

constexpr std::uint32_t kFirstOwnOid = 16384;

void put_own_oid(std::string& body, std::size_t at) {
  if (number_at(body, at) < kFirstOwnOid) return;
  for (std::size_t i = 0; i < 4; ++i) body[at + i] = i == 2 ? '\x40' : '\0';
}

// The OIDs in a RowDescription: of a column's table and of its type.
void put_own_oids(std::string& body) {
  const std::size_t columns = short_at(body, 0);
  std::size_t at = 2;
  for (std::size_t i = 0; i < columns; ++i) {
    at = body.find('\0', at) + 1;
    put_own_oid(body, at);
    put_own_oid(body, at + 6);
    at += 18;
  }
}

// The fields of an error without file, line and routine.
std::string without_source(std::string_view body) {
  std::string out;
  while (!body.empty() && body[0] != '\0') {
    const std::size_t size = std::min(body.find('\0'), body.size() - 1) + 1;
    if (std::string_view("FLR").find(body[0]) == std::string_view::npos)
      out += body.substr(0, size);
    body.remove_prefix(size);
  }
  return out;
}

// Each row of the documents' table of normalisations is a case here. Nothing: the message does not
// count.
std::optional<Message> normal(Message message) {
  switch (message.type) {
    case 'K': message.body.assign(message.body.size(), '\0'); break;
    case 'A': message.body.replace(0, 4, 4, '\0'); break;
    case 'T': put_own_oids(message.body); break;
    case 't':
      for (std::size_t i = 0; i < short_at(message.body, 0); ++i) {
        put_own_oid(message.body, 2 + 4 * i);
      }
      break;
    case 'E':
    case 'N': message.body = without_source(message.body); break;
    case 'S':
      if (message.body.starts_with(std::string_view("in_hot_standby\0", 15))) return std::nullopt;
      break;
    default: break;
  }
  return message;
}

std::vector<Message> normal(const std::vector<Message>& messages) {
  std::vector<Message> out;
  for (const Message& message : messages) {
    if (auto one = normal(message)) out.push_back(std::move(*one));
  }
  return out;
}

// A login's settings come in any order.
std::vector<Message> normal_login(const std::vector<Message>& messages) {
  std::vector<Message> out = normal(messages);
  std::stable_sort(out.begin(), out.end(), [](const Message& left, const Message& right) {
    const bool both = left.type == 'S' && right.type == 'S';
    return both && left.body < right.body;
  });
  return out;
}

struct Found {
  const Message* direct;  // None: nothing more came.
  const Message* tested;
};

bool is_error(const Message* message, std::string_view sqlstate) {
  return message != nullptr && message->type == 'E' && field(*message, 'C') == sqlstate;
}

struct ReasonRow {
  Reason reason;
  bool (*explains)(const Plan&, const Found&);
};

bool loses_sequence_values(const Plan&, const Found& found) {
  return found.direct != nullptr && !is_error(found.direct, "55000") &&
         is_error(found.tested, "55000") &&
         (field(*found.tested, 'M').find("currval") != std::string::npos ||
          field(*found.tested, 'M').find("lastval") != std::string::npos);
}

bool shows_plan(const Message* message) {
  return message != nullptr && message->type == 'D' &&
         message->body.find(" Scan") != std::string::npos;
}

bool plans_otherwise(const Plan&, const Found& found) {
  return shows_plan(found.direct) && shows_plan(found.tested);
}

// What extension.md lists under "What cannot be forwarded".
bool cannot_be_forwarded(const Plan&, const Found& found) {
  if (!is_error(found.tested, "0A000")) return false;
  const std::string text = field(*found.tested, 'M');
  return text.find("stands on the standby") != std::string::npos ||
         text.find("declared a cursor WITH HOLD on the standby") != std::string::npos ||
         text.find("a function call of the protocol cannot be forwarded") != std::string::npos;
}

// A row of pg_cursors about a cursor WITH HOLD that stands on the other server.
bool shows_cursors_of_one_server(const Plan&, const Found& found) {
  return found.direct != nullptr && found.direct->type == 'D' &&
         found.direct->body.find("CURSOR WITH HOLD FOR") != std::string::npos;
}

constexpr std::array<ReasonRow, 4> kReasons = {{
    {{"sequence-values", "currval() and lastval() are not carried: 55000 as in a fresh session"},
     loses_sequence_values},
    {{"not-forwarded", "0A000: what cannot be forwarded is refused before anything has run"},
     cannot_be_forwarded},
    {{"plan-of-the-standby",
      "EXPLAIN shows the plan of the server that reads; what ANALYZE has found in a transaction "
      "that "
      "was rolled back is known to a standby later"},
     plans_otherwise},
    {{"cursors-of-one-server",
      "pg_cursors of a session that stays at the primary has no cursor WITH HOLD of the standby"},
     shows_cursors_of_one_server},
}};

std::string readable(const Message* message, const Outcome& outcome) {
  if (message != nullptr) return readable(*message);
  return outcome.broken.empty() ? "the connection was closed" : outcome.broken;
}

}  // namespace

std::string Difference::signature() const {
  // What kind of message each is, and what ours says; names and numbers are of this session alone.
  std::string out = direct.substr(0, direct.starts_with("E ") ? 9 : 1) + " / ";
  const bool message = tested.size() > 1 && tested[1] == ' ';
  const std::size_t size = !message || tested[0] == 'E' ? 70 : 1;
  for (const char letter : tested.substr(0, size)) {
    if (letter < '0' || letter > '9') out += letter;
  }
  return out;
}

std::string readable(const Message& message) {
  if (message.type != 'E' && message.type != 'N') {
    return std::string(1, message.type) + " " + escaped(message.body);
  }
  std::string out(1, message.type);
  for (const char letter : std::string_view("VCMDHPpqWsctdnFLR")) {
    const std::string text = field(message, letter);
    if (!text.empty() && letter != 'V') out += std::string(" ") + letter + ":" + escaped(text);
  }
  return out;
}

std::vector<Reason> reasons() {
  std::vector<Reason> out;
  out.reserve(kReasons.size());
  for (const ReasonRow& row : kReasons) out.push_back(row.reason);
  return out;
}

std::optional<Difference> compare(const Plan& plan, const Outcome& direct, const Outcome& tested) {
  std::vector<Message> left = normal_login(direct.login);
  std::vector<Message> right = normal_login(tested.login);
  const std::vector<Message> left_more = normal(direct.answers);
  const std::vector<Message> right_more = normal(tested.answers);
  left.insert(left.end(), left_more.begin(), left_more.end());
  right.insert(right.end(), right_more.begin(), right_more.end());
  std::size_t at = 0;
  while (at < left.size() && at < right.size() && left[at] == right[at]) ++at;
  const Found found{at < left.size() ? &left[at] : nullptr,
                    at < right.size() ? &right[at] : nullptr};
  if (found.direct == nullptr && found.tested == nullptr && direct.broken == tested.broken) {
    return std::nullopt;
  }
  Difference difference{readable(found.direct, direct), readable(found.tested, tested), {}};
  for (const ReasonRow& row : kReasons) {
    if (!row.explains(plan, found)) continue;
    difference.reason = row.reason.name;
    break;
  }
  return difference;
}

}  // namespace aurora_global::sessions
