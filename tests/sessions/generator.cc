#include "generator.h"

#include <array>

#include "statements.h"

namespace aurora_global::sessions {
namespace {

constexpr std::array<std::string_view, 4> kStatementNames = {"", "", "d1", "d2"};
constexpr std::array<std::string_view, 4> kPortalNames = {"", "", "q1", "q2"};

class Generator {
 public:
  explicit Generator(std::uint64_t seed) : random_(seed), statements_(random_) {
    constexpr std::array<unsigned, 5> kChoices = {0, 1, 1, 3, 8};
    for (unsigned& weight : weights_) weight = random_.of(kChoices);
    weights_[0] += 1;
  }

  Plan plan() {
    begin();
    const std::size_t steps = 3 + random_.below(18);
    for (std::size_t i = 0; i < steps; ++i) add_step();
    if (random_.one_in(8)) {  // Terminate right behind a query.
      simple();
      send(bare('X'));
    }
    end_step(Wait::none);
    return std::move(plan_);
  }

 private:
  using Way = void (Generator::*)();

  void begin() {
    plan_.startup = {{"options", "-c search_path=app"}};
    if (random_.one_in(4)) return;
    if (random_.one_in(3)) plan_.startup[0].second += " -c app.tenant=blue";
    for (std::size_t i = random_.below(3); i > 0; --i) {
      auto setting = statements_.startup_setting();
      bool given = false;
      for (const auto& one : plan_.startup) given |= one.first == setting.first;
      if (!given) plan_.startup.push_back(std::move(setting));
    }
  }

  void add_step() {
    static constexpr std::array<Way, kWays> kTable = {
        &Generator::simple,     &Generator::simple_string, &Generator::unnamed,
        &Generator::named,      &Generator::pipeline,      &Generator::portal_in_parts,
        &Generator::driver,     &Generator::chaos,         &Generator::copy_simple,
        &Generator::copy_bound, &Generator::call_function, &Generator::lone,
        &Generator::cancelled,  &Generator::transaction,
    };
    (this->*kTable[random_.weighted(weights_)])();
    if (!open_.messages.empty() && !random_.one_in(6)) end_step(Wait::answers);
  }

  void send(Message message) { open_.messages.push_back(std::move(message)); }
  void end_step(Wait wait) {
    if (open_.messages.empty()) return;
    open_.wait = wait;
    plan_.steps.push_back(std::move(open_));
    open_ = {};
  }

  std::string_view statement_name() { return random_.of(kStatementNames); }
  std::string_view portal_name() { return random_.of(kPortalNames); }
  std::vector<std::int16_t> result_formats() {
    if (!random_.one_in(4)) return {};
    return {static_cast<std::int16_t>(random_.below(2))};
  }

  void send_parse(std::string_view name, const Prepared& prepared) {
    std::vector<std::uint32_t> types;
    if (random_.one_in(3)) {
      constexpr std::uint32_t kInt4 = 23, kText = 25, kUnknown = 0;
      for (const char one : prepared.parameters) {
        types.push_back(random_.one_in(3) ? kUnknown : (one == 'i' ? kInt4 : kText));
      }
    }
    send(parse(name, prepared.sql, types));
  }

  void send_bind(std::string_view portal, std::string_view name, const Prepared& prepared) {
    std::vector<Value> values;
    std::vector<std::int16_t> formats;
    const bool binary = random_.one_in(4);
    for (const char one : prepared.parameters) {
      std::string value = statements_.value(one);
      formats.push_back(binary && one == 'i' ? 1 : 0);
      if (formats.back() == 1) value = std::string(3, '\0') + static_cast<char>(std::stoi(value));
      values.push_back(random_.one_in(12) ? Value() : Value(std::move(value)));
    }
    if (!binary) formats.clear();
    if (random_.one_in(20)) values.emplace_back("one too many");
    send(bind(portal, name, values, formats, result_formats()));
  }

  // ---- The ways in which a step is made

  void simple() { send(query(statements_.one())); }

  void simple_string() {
    std::string sql = statements_.one();
    for (std::size_t i = 1 + random_.below(3); i > 0; --i) sql += "; " + statements_.one();
    send(query(sql));
  }

  // As most drivers run a statement with parameters.
  void unnamed() {
    const Prepared prepared = statements_.prepared();
    send_parse("", prepared);
    if (random_.one_in(3)) send(describe('S', ""));
    send_bind("", "", prepared);
    if (!random_.one_in(3)) send(describe('P', ""));
    send(execute("", static_cast<std::uint32_t>(random_.one_in(5) ? 1 + random_.below(3) : 0)));
    send(bare('S'));
  }

  void named() {
    const std::size_t which = random_.below(2);
    Prepared& known = known_[which];
    const std::string_view name = kStatementNames[2 + which];
    if (known.sql.empty() || random_.one_in(5)) {
      if (!known.sql.empty() && !random_.one_in(3)) send(close('S', name));
      known = statements_.prepared();
      send_parse(name, known);
      if (random_.one_in(2)) send(describe('S', name));
      send(bare('S'));
      if (random_.one_in(2)) end_step(Wait::answers);
    }
    send_bind("", name, known);
    if (random_.one_in(3)) send(describe('P', ""));
    send(execute("", 0));
    send(bare('S'));
  }

  // Several statements before one Sync.
  void pipeline() {
    for (std::size_t i = 2 + random_.below(4); i > 0; --i) {
      const Prepared prepared = statements_.prepared();
      const std::string_view portal = portal_name();
      send_parse("", prepared);
      send_bind(portal, "", prepared);
      send(execute(portal, 0));
      if (random_.one_in(6)) send(bare('H'));
    }
    send(bare('S'));
  }

  void portal_in_parts() {
    const Prepared prepared =
        random_.one_in(2) ? Prepared{"SELECT generate_series(1, 7)", ""} : statements_.prepared();
    const std::string_view portal = portal_name();
    send_parse("", prepared);
    send_bind(portal, "", prepared);
    for (std::size_t i = 1 + random_.below(4); i > 0; --i) {
      send(execute(portal, static_cast<std::uint32_t>(1 + random_.below(3))));
      if (random_.one_in(3)) {
        send(bare('H'));
        end_step(Wait::quiet);
      }
    }
    if (random_.one_in(3)) send(close('P', portal));
    send(bare('S'));
  }

  // Prepare with Flush, begin by a simple query within the batch, then run: asyncpg, pgjdbc.
  void driver() {
    const Prepared prepared = statements_.prepared();
    const std::string_view name = statement_name();
    if (random_.one_in(2) && !name.empty()) send(close('S', name));
    send_parse(name, prepared);
    send(describe('S', name));
    if (random_.one_in(4)) {
      send(bare('S'));
    } else {
      send(bare('H'));
      end_step(Wait::quiet);
    }
    if (random_.one_in(3)) {
      send(query(statements_.one(Kind::transaction)));
      end_step(Wait::answers);
    }
    send_bind("", name, prepared);
    send(execute("", 0));
    send(bare('S'));
  }

  void chaos() {
    for (std::size_t i = 1 + random_.below(6); i > 0; --i) {
      switch (random_.below(9)) {
        case 0: send(query(statements_.one())); break;
        case 1: send_parse(statement_name(), statements_.prepared()); break;
        case 2: send_bind(portal_name(), statement_name(), statements_.prepared()); break;
        case 3: send(execute(portal_name(), static_cast<std::uint32_t>(random_.below(3)))); break;
        case 4: send(describe(random_.one_in(2) ? 'S' : 'P', statement_name())); break;
        case 5: send(close(random_.one_in(2) ? 'S' : 'P', statement_name())); break;
        case 6: send(bare('H')); break;
        default: send(bare('S')); break;
      }
    }
    if (random_.one_in(3)) {
      send(bare('H'));
      end_step(Wait::quiet);
    } else if (!random_.one_in(4)) {
      send(bare('S'));
    }
  }

  void send_rows() {
    for (std::size_t i = random_.below(4); i > 0; --i) send(copy_data(statements_.copy_rows()));
    send(random_.one_in(8) ? copy_fail("changed my mind") : bare('c'));
  }

  void copy_simple() {
    if (random_.one_in(2)) {
      send(query(statements_.copy_out()));
      return;
    }
    send(query(statements_.copy_in()));
    send_rows();
  }

  void copy_bound() {
    send(parse("", random_.one_in(2) ? statements_.copy_out() : statements_.copy_in()));
    send(bind("", "", {}));
    send(execute("", 0));
    if (random_.one_in(2)) send(bare('H'));
    send_rows();
    send(bare('S'));
  }

  void call_function() {
    constexpr std::uint32_t kLower = 870, kInt4Plus = 177, kNone = 1;
    switch (random_.below(4)) {
      case 0: send(function_call(kInt4Plus, {Value("40"), Value("2")})); break;
      case 1: send(function_call(kInt4Plus, {Value("x"), Value("2")})); break;
      case 2: send(function_call(kNone, {})); break;
      default: send(function_call(kLower, {Value("LOUD")})); break;
    }
  }

  void lone() {
    switch (random_.below(4)) {
      case 0: send(bare('H')); break;
      case 1: send(close('S', statement_name())); break;
      case 2: send(close('P', portal_name())); break;
      default: send(bare('S')); return;
    }
    if (random_.one_in(2)) end_step(Wait::quiet);
  }

  void cancelled() {
    end_step(Wait::answers);
    if (!random_.one_in(4)) return;  // It takes its time.
    send(query("UPDATE t SET n = 0 WHERE pg_sleep(60) IS NULL"));
    end_step(Wait::cancel);
  }

  // A transaction with savepoints, as ORMs make it.
  void transaction() {
    send(query("BEGIN"));
    end_step(Wait::answers);
    for (std::size_t i = 1 + random_.below(4); i > 0; --i) {
      if (random_.one_in(3)) send(query(statements_.one(Kind::transaction)));
      if (random_.one_in(2)) {
        unnamed();
      } else {
        simple();
      }
      end_step(Wait::answers);
    }
    send(query(random_.one_in(3) ? "ROLLBACK" : "COMMIT"));
  }

  static constexpr std::size_t kWays = 14;

  Random random_;
  Statements statements_;
  std::array<unsigned, kWays> weights_{};
  Plan plan_;
  Step open_;
  std::array<Prepared, 2> known_;
};

}  // namespace

Plan generate(std::uint64_t seed) { return Generator(seed).plan(); }

}  // namespace aurora_global::sessions
