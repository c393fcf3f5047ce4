// Goal: a session counts as idle exactly when the server has answered everything and no
// transaction is open, and the unnamed statement is the server's.
//
// Method: conversations as strings, cut out of real bytes. The fuzzer pgwire_session_core tries all
// others.
#include "pgwire/session_core.h"

#include <gtest/gtest.h>

namespace aurora_global::pgwire {
namespace {

Bytes message(char type, const std::string& body = "") {
  Bytes out = {static_cast<std::uint8_t>(type)};
  const std::size_t size = body.size() + 4;
  for (const int shift : {24, 16, 8, 0}) out.push_back(static_cast<std::uint8_t>(size >> shift));
  out.insert(out.end(), body.begin(), body.end());
  return out;
}

// A session in the middle of a conversation.
class Talk {
 public:
  // The client's messages follow '>', the server's '<'; a status follows Z. Parse is of the unnamed
  // statement, `p` stands for one of a named one; `k` closes the unnamed one; `e` is an error in a
  // message's bytes.
  explicit Talk(std::string_view talk) { add(talk); }

  Talk& add(std::string_view talk) {
    bool from_client = true;
    for (std::size_t i = 0; i < talk.size(); ++i) {
      if (talk[i] == '>' || talk[i] == '<') {
        from_client = talk[i] == '>';
      } else if (from_client) {
        client(talk[i]);
      } else if (talk[i] == 'Z') {
        server(message('Z', std::string(1, talk[++i])));
      } else if (talk[i] == 'E' || talk[i] == 'e') {
        Bytes error;
        put_error(error, "ERROR", {"", talk[i] == 'E' ? "42601" : "22021", "", ""});
        server(error);
      } else {
        server(message(talk[i]));
      }
    }
    return *this;
  }

  SessionCore::Cut cut(const Bytes& bytes, SessionCore::Hold hold = {}) {
    const auto cut = core.cut(bytes, hold);
    EXPECT_TRUE(cut.has_value());
    return cut.has_value() ? *cut : SessionCore::Cut();
  }

  SessionCore core;
  std::string to_client;
  std::string own;

 private:
  void client(char type) {
    const std::string zero(1, '\0');
    Bytes bytes = message(type, "x" + zero + "x" + zero);
    if (type == 'P') bytes = message('P', zero + "sql " + std::to_string(++serial_) + zero + zero);
    if (type == 'p') bytes = message('P', "named" + zero + "sql" + zero + zero);
    if (type == 'C') bytes = message('C', "Sx" + zero);
    if (type == 'k') bytes = message('C', "S" + zero);
    EXPECT_EQ(cut(bytes).forward, bytes.size());
  }

  void server(const Bytes& bytes) {
    const Piece piece{static_cast<char>(bytes[0]), bytes.size(), true, true, bytes};
    switch (core.server(piece)) {
      case SessionCore::Route::client: to_client += piece.type; break;
      case SessionCore::Route::own: own += piece.type; break;
    }
  }

  int serial_ = 0;
};

std::string unnamed(const Talk& talk) {
  const Bytes& bytes = talk.core.unnamed();
  const std::string text(bytes.begin(), bytes.end());
  return text.size() < 9 ? "" : text.substr(6, 5);
}

TEST(SessionCore, IsIdleWhenEverythingIsAnswered) {
  for (const char* talk :
       {"", ">Q<TDCZI", ">PBDES<12TDCZI", ">PBESPBES<12CZI12CZI", ">Q<CZT>Q<CZI", ">Q<EZI",
        ">PBES<EZI", ">F<VZI", ">S<ZI", ">Q<GCZI", ">Q<G>ddc<CZI", ">Q<G>df<EZI",
        ">PBES<12G>ddcS<CZI", ">Q<HddcCZI",
        // Drivers that mix the two protocols.
        ">PDH<1tT>Q<CZT>Q<CZI", ">PBE<12C>Q<CZI", ">PBEQ<12CCZI", ">PBEQS<1EZI",
        // What is only parsed leaves nothing behind.
        ">H", ">pDH<1tn", ">CH<3", ">C<3", ">kH<3",
        // Data before they are asked for, and after they are not wanted any more.
        ">Qddc<GCZI", ">Qddc<EZI", ">Qdd<EZI>dc", ">PBES<12G>d<E>dcS<ZI", ">Q<G>d<EZI>ddc",
        // COPY with a Sync in its data.
        ">Q<G>dSdc<CZI", ">PBESdcS<12GCZI"}) {
    EXPECT_TRUE(Talk(talk).core.idle()) << talk;
  }
}

TEST(SessionCore, IsNotIdleWhileSomethingIsUnderWay) {
  for (const char* talk : {">Q", ">Q<TDC", ">Q<CZT", ">Q<CZT>Q<EZE", ">P", ">PB<12", ">PBEH<12C",
                           ">PBES<12C", ">QQ<CZI", ">Q<G", ">Q<G>ddc", ">PBES<12G",
                           ">PBES<12G>ddc<C", ">PBE<1E", ">PBE<E>Q", ">Q<WCZT", ">pD", ">F"}) {
    EXPECT_FALSE(Talk(talk).core.idle()) << talk;
  }
}

TEST(SessionCore, TheServerIsToFlushWhatItKeepsBackOfParsing) {
  EXPECT_TRUE(Talk(">p").core.needs_flush());
  EXPECT_TRUE(Talk(">C").core.needs_flush());
  EXPECT_FALSE(Talk(">pH").core.needs_flush());
  EXPECT_FALSE(Talk(">pS").core.needs_flush());
  EXPECT_FALSE(Talk(">pB").core.needs_flush());
  EXPECT_FALSE(Talk(">").core.needs_flush());
}

TEST(SessionCore, TheUnnamedStatementIsTheServers) {
  EXPECT_EQ(unnamed(Talk(">PS<1ZI")), "sql 1");
  EXPECT_EQ(unnamed(Talk(">PS<1ZI>PS<1ZI")), "sql 2");
  EXPECT_EQ(unnamed(Talk(">PS<1ZI>Q<CZI")), "");
  EXPECT_EQ(unnamed(Talk(">PS<1ZI>kS<3ZI")), "");
  EXPECT_EQ(unnamed(Talk(">PS<1ZI>CS<3ZI")), "sql 1");
  EXPECT_EQ(unnamed(Talk(">PS<1ZI>pPS<EZI")), "sql 1");  // It was skipped.
  EXPECT_EQ(unnamed(Talk(">PS<1ZI>pQS<EZI")), "sql 1");  // So was the query.
  EXPECT_EQ(unnamed(Talk(">PS<1ZI>p<E>PkS<ZI")), "sql 1");
  EXPECT_EQ(unnamed(Talk(">PS<1ZI>PS<EZI")), "");  // It was tried.
}

TEST(SessionCore, UnnamedStatementsOnTheirWayAreBoundedTogether) {
  const Bytes parse = message('P', std::string(1, '\0') + std::string(700'000, 'x') + '\0');
  Talk talk("");
  for (int i = 0; i < 3; ++i) talk.cut(parse);
  talk.add("<1");
  EXPECT_EQ(talk.core.unnamed().size(), parse.size());
  EXPECT_FALSE(talk.core.unnamed_too_large());
  talk.add("<11");
  EXPECT_TRUE(talk.core.unnamed_too_large());
  talk.cut(parse);
  talk.add("<1");
  EXPECT_EQ(talk.core.unnamed().size(), parse.size());
}

TEST(SessionCore, AnUnnamedStatementIsInDoubtWhenTheNextOneCouldPerhapsNotBeRead) {
  EXPECT_FALSE(Talk(">PS<1ZI>PS<EZI").core.unnamed_in_doubt());
  EXPECT_FALSE(Talk(">PS<eZI").core.unnamed_in_doubt());  // There was none.
  Talk talk(">PS<1ZI>PS<eZI");
  EXPECT_TRUE(talk.core.unnamed_in_doubt());
  EXPECT_EQ(unnamed(talk), "sql 1");
  talk.core.unnamed_is_there(true);
  EXPECT_FALSE(talk.core.unnamed_in_doubt());
  EXPECT_EQ(unnamed(talk), "sql 1");
  Talk gone(">PS<1ZI>PS<eZI");
  gone.core.unnamed_is_there(false);
  EXPECT_EQ(unnamed(gone), "");
  for (const char* news : {">PS<1ZI", ">Q<CZI", ">kS<3ZI", ">PS<EZI"}) {
    EXPECT_FALSE(Talk(">PS<1ZI>PS<eZI").add(news).core.unnamed_in_doubt()) << news;
  }
}

TEST(SessionCore, WhatHasNoAnswerYetGoesToTheClientBeforeTheRoutersOwn) {
  Talk talk(">CH<3");
  talk.core.ask(1);
  talk.add("<12DC3ZI");
  EXPECT_EQ(talk.to_client, "3");
  EXPECT_EQ(talk.own, "12DC3Z");
  EXPECT_TRUE(talk.core.idle());
}

TEST(SessionCore, WhatFollowsAParseWaitsForTheAnswerToTheRoutersOwnQuestion) {
  for (const char* talk : {"", ">pDH<1tT", ">CH<3", ">S<ZI"}) {
    Talk stopped(talk);
    stopped.core.ask(2);
    const SessionCore::Hold hold{.stopped = true};
    for (const char* answer : {"", "<12DC3", "<ZI"}) {
      EXPECT_TRUE(stopped.add(answer).core.must_wait(hold)) << talk << answer;
      const auto cut = stopped.cut(message('Q', "BEGIN"), hold);
      EXPECT_EQ(cut.forward, 0u) << talk << answer;
      EXPECT_EQ(cut.then, SessionCore::Then::wait);
    }
    EXPECT_TRUE(stopped.add("<12DC3ZI").core.idle());
  }
}

TEST(SessionCore, ASyncThatACopyMayHaveReadIsTheClientsIfItIsAnswered) {
  Talk talk(">Q<G>dS<EZI");
  EXPECT_TRUE(talk.core.idle() && talk.core.uncertain());
  talk.core.ask(1);
  talk.add("<ZI12DCZI");
  EXPECT_EQ(talk.to_client, "GEZZ");
  EXPECT_EQ(talk.own, "12DCZ");
  EXPECT_FALSE(talk.core.uncertain());
  EXPECT_TRUE(talk.core.idle());
}

TEST(SessionCore, WhatFollowsASyncThatACopyMayHaveReadKeepsTheSessionWhereItIs) {
  for (const auto* talk : {">PBE<12G>dSPcS<E", ">PBESPS<12GE", ">PBE<12G>dS<E>PS"}) {
    EXPECT_FALSE(Talk(talk).core.idle()) << talk;
    EXPECT_FALSE(Talk(talk).add("<ZI").core.idle()) << talk;
    EXPECT_FALSE(Talk(talk).add("<ZI1ZI").core.idle()) << talk;
  }
}

TEST(SessionCore, TheAnswerToASyncAmongDataEndsNoLaterStatement) {
  Talk talk(">Q<G>dS<EZI>S<ZI>Q<ZI");
  EXPECT_FALSE(talk.core.idle());
  talk.add("<TDCZI");
  EXPECT_TRUE(talk.core.idle() && !talk.core.uncertain());
}

TEST(SessionCore, AHeldStatementThatIsCancelledIsAnsweredAndDropped) {
  const SessionCore::Hold stopped{true, false, false};
  Talk talk("");
  Bytes bytes = message('Q', std::string("one\0", 4));
  put_query(bytes, "two");
  EXPECT_EQ(talk.cut(bytes, stopped).then, SessionCore::Then::wait);
  EXPECT_TRUE(talk.core.cancel_waiting(stopped));
  const auto cut = talk.cut(bytes, stopped);
  EXPECT_EQ(cut.forward, 0u);
  EXPECT_EQ(cut.drop, 9u);
  EXPECT_EQ(cut.then, SessionCore::Then::tell_client);
  EXPECT_EQ(cut.bytes[0], 'E');
  EXPECT_EQ(cut.bytes[cut.bytes.size() - 6], 'Z');
  bytes.erase(bytes.begin(), bytes.begin() + 9);
  EXPECT_EQ(talk.cut(bytes, stopped).then, SessionCore::Then::wait);
}

TEST(SessionCore, ACancelledBatchIsDroppedUpToItsSync) {
  const SessionCore::Hold stopped{true, false, false};
  Talk talk("");
  Bytes bytes;
  put_parse(bytes, "", "one", {});
  put_bind(bytes, "", "", {});
  put_execute(bytes, "");
  EXPECT_EQ(talk.cut(bytes, stopped).then, SessionCore::Then::wait);
  EXPECT_TRUE(talk.core.cancel_waiting(stopped));
  put_sync(bytes);
  put_query(bytes, "two");
  std::string told;
  for (;;) {
    const auto cut = talk.cut(bytes, stopped);
    bytes.erase(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(cut.drop));
    if (!cut.bytes.empty()) told += static_cast<char>(cut.bytes[0]);
    if (cut.then == SessionCore::Then::wait) break;
    ASSERT_GT(cut.drop, 0u);
  }
  EXPECT_EQ(told, "EZ");
  EXPECT_EQ(bytes[0], 'Q');
}

TEST(SessionCore, ThereIsNothingToCancelWhileTheServerRunsIt) {
  const SessionCore::Hold stopped{true, false, false};
  Talk talk(">Q");
  EXPECT_FALSE(talk.core.cancel_waiting(stopped));
  EXPECT_FALSE(Talk("").core.cancel_waiting({}));
}

}  // namespace
}  // namespace aurora_global::pgwire
