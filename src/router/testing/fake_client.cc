#include "router/testing/fake_client.h"

#include "pgwire/testing/scram_client.h"

namespace aurora_global::router::testing {
namespace {

using namespace std::chrono_literals;
using pgwire::Bytes;

constexpr Duration kLimit = 20s;

void put_password(Bytes& out, std::string_view mechanism, std::string_view data) {
  Bytes body(mechanism.begin(), mechanism.end());
  if (!mechanism.empty()) {
    body.push_back(0);
    for (const int shift : {24, 16, 8, 0}) {
      body.push_back(static_cast<std::uint8_t>(data.size() >> shift));
    }
  }
  body.insert(body.end(), data.begin(), data.end());
  out.push_back('p');
  for (const int shift : {24, 16, 8, 0}) {
    out.push_back(static_cast<std::uint8_t>((body.size() + 4) >> shift));
  }
  out.insert(out.end(), body.begin(), body.end());
}

std::string text_of(pgwire::BytesView bytes) { return std::string(bytes.begin(), bytes.end()); }

}  // namespace

struct FakeClient::Scram {
  explicit Scram(const std::string& password) : client(password) {}
  pgwire::testing::ScramClient client;
};

net::Task<Result<std::unique_ptr<FakeClient>>> FakeClient::connect(std::string address) {
  CO_TRY(Channel channel, co_await Channel::connect_tcp(std::move(address), Deadline::in(kLimit)));
  co_return std::unique_ptr<FakeClient>(new FakeClient(std::move(channel)));
}

net::Task<bool> FakeClient::send(Bytes bytes) {
  const auto sent = co_await channel_.write(std::move(bytes), Deadline::in(kLimit));
  co_return sent.has_value();
}

net::Task<bool> FakeClient::send_query(std::string sql) {
  Bytes bytes;
  pgwire::put_query(bytes, sql);
  co_return co_await send(std::move(bytes));
}

net::Task<Outcome> FakeClient::log_in(Parameters parameters, std::string password) {
  password_ = std::move(password);
  Bytes startup;
  pgwire::put_startup(startup, parameters);
  co_await send(std::move(startup));
  co_return co_await hear();
}

net::Task<Outcome> FakeClient::query(std::string sql) {
  co_await send_query(std::move(sql));
  co_return co_await hear();
}

net::Task<std::string> FakeClient::ask(std::string sql) {
  const Outcome outcome = co_await query(std::move(sql));
  co_return outcome.good() ? outcome.value() : outcome.sqlstate;
}

net::Task<Outcome> FakeClient::prepare(std::string name, std::string sql,
                                       std::vector<std::uint32_t> types) {
  Bytes bytes;
  pgwire::put_parse(bytes, name, sql, types);
  pgwire::put_sync(bytes);
  co_await send(std::move(bytes));
  co_return co_await hear();
}

net::Task<Outcome> FakeClient::run(std::string name, pgwire::Row parameters) {
  Bytes bytes;
  pgwire::put_bind(bytes, "", name, parameters);
  pgwire::put_execute(bytes, "");
  pgwire::put_sync(bytes);
  co_await send(std::move(bytes));
  co_return co_await hear();
}

net::Task<Outcome> FakeClient::describe(std::string name) {
  Bytes bytes = {'D'};
  const std::size_t size = 4 + 1 + name.size() + 1;
  for (const int shift : {24, 16, 8, 0}) bytes.push_back(static_cast<std::uint8_t>(size >> shift));
  bytes.push_back('S');
  bytes.insert(bytes.end(), name.begin(), name.end());
  bytes.push_back(0);
  pgwire::put_sync(bytes);
  co_await send(std::move(bytes));
  co_return co_await hear();
}

net::Task<bool> FakeClient::authenticate(pgwire::Authentication authentication) {
  Bytes answer;
  switch (authentication.kind) {
    case 10: {
      scram_ = std::make_shared<Scram>(password_);
      put_password(answer, "SCRAM-SHA-256", scram_->client.first());
      break;
    }
    case 11: {
      const auto final = scram_->client.final(text_of(authentication.data));
      if (final.has_error()) co_return false;
      put_password(answer, "", *final);
      break;
    }
    case 12: co_return scram_->client.verify(text_of(authentication.data)).has_value();
    default: co_return authentication.kind == 0;
  }
  co_return co_await send(std::move(answer));
}

net::Task<bool> FakeClient::take(pgwire::Piece piece, Outcome& outcome) {
  const Bytes body(piece.bytes.begin() + pgwire::kHeaderBytes, piece.bytes.end());
  outcome.types += piece.type;
  switch (piece.type) {
    case 'R':
      if (!co_await authenticate(*pgwire::parse_authentication(body))) {
        outcome.sqlstate = "the authentication makes no sense";
        co_return true;
      }
      break;
    case 'S': {
      const auto status = pgwire::parse_parameter_status(body);
      parameters_[std::string(status->name)] = status->value;
      break;
    }
    case 'K': key_ = *pgwire::parse_backend_key(body); break;
    case 'D': outcome.rows.push_back(pgwire::parse_data_row(body).value()); break;
    case 't':
      for (std::size_t at = 2; at + 4 <= body.size(); at += 4) {
        outcome.parameter_types.push_back(
            static_cast<std::uint32_t>((body[at + 2] << 8) | body[at + 3]));
      }
      break;
    case 'E': {
      const auto error = pgwire::parse_error(body);
      if (!outcome.sqlstate.empty()) break;
      outcome.sqlstate = error->sqlstate;
      outcome.message = error->message;
      outcome.hint = error->hint;
      break;
    }
    case 'G': co_return true;
    case 'Z': outcome.status = static_cast<char>(body[0]); co_return true;
    default: break;
  }
  co_return false;
}

net::Task<Outcome> FakeClient::hear(Duration limit) {
  const Deadline deadline = Deadline::in(limit);
  pgwire::Splitter whole([](char, std::size_t size) { return size; });
  Outcome outcome;
  for (;;) {
    const auto piece = whole.next(received_);
    if (piece.has_error()) {
      outcome.sqlstate = "the stream makes no sense";
      co_return outcome;
    }
    if (*piece) {
      const std::size_t size = (*piece)->bytes.size();
      const Bytes message((*piece)->bytes.begin(), (*piece)->bytes.end());
      received_.erase(received_.begin(), received_.begin() + static_cast<std::ptrdiff_t>(size));
      pgwire::Piece kept = **piece;
      kept.bytes = message;
      if (co_await take(kept, outcome)) co_return outcome;
      continue;
    }
    const auto read = co_await channel_.read(received_, deadline);
    if (read.has_error()) {
      outcome.closed = read.error().kind != ErrorKind::timeout;
      co_return outcome;
    }
  }
}

net::Task<bool> FakeClient::hears_nothing(Duration limit) {
  if (!received_.empty()) co_return false;
  const auto read = co_await channel_.read(received_, Deadline::in(limit));
  co_return read.has_error() && read.error().kind == ErrorKind::timeout;
}

}  // namespace aurora_global::router::testing
