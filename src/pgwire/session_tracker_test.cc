// Goal: a session counts as idle exactly when the server has answered everything and no
// transaction is open.
#include "pgwire/session_tracker.h"

#include <gtest/gtest.h>

namespace aurora_global::pgwire {
namespace {

// Client's messages in upper and lower case after '>', the server's after '<'; a status follows Z.
SessionTracker after(std::string_view talk) {
  SessionTracker tracker;
  bool from_client = true;
  for (std::size_t i = 0; i < talk.size(); ++i) {
    if (talk[i] == '>' || talk[i] == '<') {
      from_client = talk[i] == '>';
    } else if (from_client) {
      tracker.client(talk[i]);
    } else if (talk[i] == 'Z') {
      tracker.server('Z', talk[++i]);
    } else {
      tracker.server(talk[i]);
    }
  }
  return tracker;
}

TEST(SessionTracker, IsIdleWhenEverythingIsAnswered) {
  for (const char* talk :
       {"", ">Q<TDCZI", ">PBDES<12TDCZI", ">PBESPBES<12CZI12CZI", ">Q<CZT>Q<CZI", ">Q<EZI",
        ">F<VZI",
        // COPY from the client, by a query and by the extended protocol, with and without a Sync
        // that the server throws away; and with an error in between.
        ">Q<G>ddc<CZI", ">PBE<12>H<G>dcS<CZI", ">PBES<12G>ddcS<CZI", ">Q<G>d<EZI", ">Q<H<dcCZI",
        // The same, the client goes on to send when the error is under way.
        ">Q<G>d<EZI>dc", ">Q<G>d<E>dc<ZI", ">PBES<12G>d<E>dcS<ZI",
        // The data and their end sent before the server has said that it reads.
        ">Qddc<GCZI", ">Qd<G>dc<CZI>Q<CZI",
        // An end of data that nobody reads.
        ">Qc<EZI"}) {
    EXPECT_TRUE(after(talk).idle()) << talk;
  }
}

TEST(SessionTracker, IsNeverIdleAgainWhenNobodyCanTellWhatIsAnswered) {
  for (const char* talk : {">PBESddcS<12GCZI", ">PBEddcS<12GCZI", ">Q<G>dSdc<CZI", ">PBEQ<12CZI",
                           ">QdS<EZI", ">PSQQQEHdcS<1ZICZICZICZIGCZI"}) {
    EXPECT_FALSE(after(talk).idle()) << talk;
  }
}

TEST(SessionTracker, IsNotIdleInTheMiddleOfAnything) {
  for (const char* talk :
       {">Q", ">Q<CZT", ">Q<CZE", ">P", ">PBE", ">PBES<12C", ">PBESPBES<12CZI", ">QQ<CZI", ">Q<G",
        ">Q<G>dc", ">PBES<12G", ">PBES<12G>dc", ">PBES<12G>dcS", ">F"}) {
    EXPECT_FALSE(after(talk).idle()) << talk;
  }
}

}  // namespace
}  // namespace aurora_global::pgwire
