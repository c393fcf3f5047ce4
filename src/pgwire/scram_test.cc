// Goal: who knows the password gets in, nobody else, and whatever is refused is refused as
// PostgreSQL 15 refuses it. Method: RFC 7677's exchange, verifiers made by PostgreSQL 15, and each
// rule broken once.
#include "pgwire/scram.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <memory>
#include <set>

#include "base/base64.h"
#include "pgwire/testing/scram_client.h"

namespace aurora_global::pgwire {
namespace {

using testing::ScramClient;

// The password "pencil", the salt of RFC 7677.
constexpr std::string_view kRfcVerifier =
    "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:"
    "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=";
const std::string kServerNonce = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
const std::string kClientNonce = "rOprNGfwEbeRWgbNEkqO";
const std::string kClientFirst = "n,,n=user,r=" + kClientNonce;
const std::string kProof = "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
const Bytes kHash(32, 0xa5);

ScramVerifier verifier_of(std::string_view text) { return parse_scram_verifier(text).value(); }

ScramServer rfc_server(Bytes certificate_hash = {}) {
  return ScramServer(verifier_of(kRfcVerifier), std::move(certificate_hash), true, kServerNonce);
}

// One login; the error of whoever gave up first.
Result<void> log_in(ScramServer server, ScramClient client, std::string_view mechanism) {
  TRY(const std::string server_first, server.first(mechanism, client.first()));
  TRY(const std::string client_final, client.final(server_first));
  TRY(const std::string server_final, server.final(client_final));
  return client.verify(server_final);
}

TEST(ScramServer, SpeaksTheExchangeOfRfc7677) {
  ScramServer server = rfc_server();
  const auto server_first = server.first("SCRAM-SHA-256", kClientFirst);
  ASSERT_TRUE(server_first.has_value());
  EXPECT_EQ(*server_first,
            "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,"
            "i=4096");
  const auto server_final =
      server.final("c=biws,r=" + kClientNonce + kServerNonce + ",p=" + kProof);
  ASSERT_TRUE(server_final.has_value()) << server_final.error().message;
  EXPECT_EQ(*server_final, "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
}

TEST(ScramClient, SpeaksTheExchangeOfRfc7677) {
  ScramClient client("pencil", {.user = "user", .nonce = kClientNonce});
  EXPECT_EQ(client.first(), kClientFirst);
  const auto client_final =
      client.final("r=" + kClientNonce + kServerNonce + ",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096");
  ASSERT_TRUE(client_final.has_value());
  EXPECT_EQ(*client_final, "c=biws,r=" + kClientNonce + kServerNonce + ",p=" + kProof);
  EXPECT_TRUE(client.verify("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=").has_value());
  EXPECT_TRUE(client.verify("v=7rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=").has_error());
}

TEST(ScramServer, AcceptsVerifiersThatPostgresqlMade) {
  const std::pair<std::string, std::string> kMade[] = {
      {"pencil",
       "SCRAM-SHA-256$4096:P5W7hRwmZf6WIr/mHUoLeg==$LXmQwE//zy/aSPsbUjYADYV9bV0oPyd36OBmW66iIYU=:"
       "/UpOGGBK9V7b34nmJDjPniZazQ+UtmVSAzlNZ1Cdgww="},
      {"Ein langes, ja wirklich sehr langes Kennwort mit Komma = und Gleichheitszeichen",
       "SCRAM-SHA-256$4096:63V2fR6OMpWL46RssP/OLA==$GTXe3O5KLQwGrjWPYAeknUYfFyQJGkU1dFU8BL5rjc8=:"
       "GkjjOciG9XmnXnuLXrdAmTKrBbhbL8xDEeoUJTmOzz8="}};
  for (const auto& [password, text] : kMade) {
    for (const bool tls : {false, true}) {
      const Bytes hash = tls ? kHash : Bytes();
      const auto in = log_in(ScramServer(verifier_of(text), hash, true),
                             ScramClient(password, {.certificate_hash = hash}),
                             ScramServer::mechanisms(tls).front());
      EXPECT_TRUE(in.has_value()) << in.error().message;
    }
    const auto wrong = log_in(ScramServer(verifier_of(text), {}, true), ScramClient(password + "x"),
                              "SCRAM-SHA-256");
    ASSERT_TRUE(wrong.has_error());
    EXPECT_EQ(wrong.error().kind, ErrorKind::denied);
    EXPECT_EQ(wrong.error().code, "28P01");
    EXPECT_EQ(wrong.error().message, "password authentication failed");
  }
}

TEST(ScramServer, LetsATlsClientGoWithoutBinding) {
  EXPECT_TRUE(log_in(rfc_server(kHash), ScramClient("pencil"), "SCRAM-SHA-256").has_value());
  EXPECT_EQ(ScramServer::mechanisms(true),
            (std::vector<std::string>{"SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"}));
  EXPECT_EQ(ScramServer::mechanisms(false), std::vector<std::string>{"SCRAM-SHA-256"});
}

TEST(ScramServer, AcceptsUnknownOptionalExtensions) {
  ScramServer server = rfc_server();
  const auto server_first = server.first("SCRAM-SHA-256", kClientFirst + ",x=1,Y=");
  ASSERT_TRUE(server_first.has_value());
  // Read as far as the proof, which no longer fits.
  const auto over = server.final("c=biws,r=" + kClientNonce + kServerNonce + ",z=1,p=" + kProof);
  EXPECT_EQ(over.error().code, "28P01");
}

TEST(ScramServer, ADecoyGoesAllTheWayAndNeverMatches) {
  const Bytes secret = {1, 2, 3};
  const ScramVerifier decoy = decoy_verifier("nobody", secret);
  EXPECT_EQ(decoy.iterations, 4096);
  EXPECT_EQ(decoy.salt.size(), 16u);
  EXPECT_EQ(decoy.salt, decoy_verifier("nobody", secret).salt);
  EXPECT_NE(decoy.salt, decoy_verifier("nobody2", secret).salt);
  EXPECT_NE(decoy.salt, decoy_verifier("nobody", Bytes{1, 2, 4}).salt);
  EXPECT_NE(decoy.stored_key, decoy.server_key);
  const auto out = log_in(ScramServer(decoy, {}, false), ScramClient("pencil"), "SCRAM-SHA-256");
  ASSERT_TRUE(out.has_error());
  EXPECT_EQ(out.error().code, "28P01");
  // Even the right password, when the user may not log in.
  const auto barred = log_in(ScramServer(verifier_of(kRfcVerifier), {}, false),
                             ScramClient("pencil"), "SCRAM-SHA-256");
  ASSERT_TRUE(barred.has_error());
  EXPECT_EQ(barred.error().code, "28P01");
  EXPECT_EQ(barred.error().message, out.error().message);
}

TEST(ScramServer, NoncesAreFreshAndPrintable) {
  std::set<std::string> seen;
  for (int i = 0; i < 100; ++i) {
    const std::string nonce = fresh_scram_nonce();
    EXPECT_EQ(nonce.size(), 24u);
    EXPECT_EQ(nonce.find(','), std::string::npos);
    seen.insert(nonce);
  }
  EXPECT_EQ(seen.size(), 100u);
}

struct Refusal {
  std::string mechanism;
  Bytes certificate_hash;
  std::string text;
  std::string code;
  std::string message;  // Its beginning.
};

TEST(ScramServer, RefusesFirstMessagesAsPostgresqlDoes) {
  const std::string plain = "SCRAM-SHA-256";
  const std::string plus = "SCRAM-SHA-256-PLUS";
  const Refusal kRefusals[] = {
      {"SCRAM-SHA-1", {}, kClientFirst, "08P01", "client selected an invalid SASL authentication"},
      {"", {}, kClientFirst, "08P01", "client selected an invalid SASL authentication mechanism"},
      {plus, {}, kClientFirst, "08P01", "client selected an invalid SASL authentication mechanism"},
      {plain, {}, "", "08P01", "malformed SCRAM message: The message is empty."},
      {plain,
       {},
       std::string("n,,n=\0,r=x", 10),
       "08P01",
       "malformed SCRAM message: Message length does not match input length."},
      {plain, {}, "n,,n=,r=" + std::string(2000, 'x'), "08P01", "invalid message length"},
      {plain,
       {},
       "x,,n=,r=abc",
       "08P01",
       "malformed SCRAM message: Unexpected channel-binding flag \"'x'\"."},
      {plain,
       {},
       "\x01",
       "08P01",
       "malformed SCRAM message: Unexpected channel-binding flag \"0x01\"."},
      {plain,
       {},
       "n",
       "08P01",
       "malformed SCRAM message: Comma expected, but found character \"0x00\"."},
      {plain,
       {},
       "yy,n=,r=abc",
       "08P01",
       "malformed SCRAM message: Comma expected, but found character \"'y'\"."},
      {plain,
       {},
       "n,x,n=,r=abc",
       "08P01",
       "malformed SCRAM message: Unexpected attribute \"'x'\" in client-first-message."},
      {plain, {}, "n,a=other,n=,r=abc", "0A000", "client uses authorization identity"},
      {plain, {}, "n,,m=x,n=,r=abc", "0A000", "client requires an unsupported SCRAM extension"},
      {plain,
       {},
       "n,,r=abc",
       "08P01",
       "malformed SCRAM message: Expected attribute \"n\" but found \"'r'\"."},
      {plain,
       {},
       "n,,n",
       "08P01",
       "malformed SCRAM message: Expected character \"=\" for attribute \"n\"."},
      {plain,
       {},
       "n,,n=user",
       "08P01",
       "malformed SCRAM message: Expected attribute \"r\" but found \"0x00\"."},
      {plain, {}, "n,,n=,r=a b", "08P01", "non-printable characters in SCRAM nonce"},
      {plain,
       {},
       "n,,n=,r=abc,1=2",
       "08P01",
       "malformed SCRAM message: Attribute expected, but found invalid character \"'1'\"."},
      {plain,
       {},
       "n,,n=,r=abc,x",
       "08P01",
       "malformed SCRAM message: Expected character \"=\" for attribute \"x\"."},
      {plain,
       {},
       "p=tls-server-end-point,,n=,r=abc",
       "08P01",
       "malformed SCRAM message: The client selected SCRAM-SHA-256 without channel binding"},
      {plain, kHash, "y,,n=,r=abc", "28000", "SCRAM channel binding negotiation error"},
      {plus, kHash, "y,,n=,r=abc", "08P01",
       "malformed SCRAM message: The client selected SCRAM-SHA-256-PLUS, but"},
      {plus, kHash, "n,,n=,r=abc", "08P01",
       "malformed SCRAM message: The client selected SCRAM-SHA-256-PLUS, but"},
      {plus, kHash, "p=tls-unique,,n=,r=abc", "08P01",
       "unsupported SCRAM channel-binding type \"tls-unique\""},
      {plus, kHash, "p=\n" + std::string(40, 'x') + ",,n=,r=abc", "08P01",
       "unsupported SCRAM channel-binding type \"?" + std::string(29, 'x') + "\""},
  };
  for (const Refusal& refusal : kRefusals) {
    SCOPED_TRACE(refusal.mechanism + " " + refusal.text);
    ScramServer server = rfc_server(refusal.certificate_hash);
    const auto answer = server.first(refusal.mechanism, refusal.text);
    ASSERT_TRUE(answer.has_error());
    EXPECT_EQ(answer.error().code, refusal.code);
    EXPECT_EQ(answer.error().kind,
              refusal.code == "08P01" ? ErrorKind::corrupt : ErrorKind::denied);
    EXPECT_TRUE(answer.error().message.starts_with(refusal.message)) << answer.error().message;
  }
}

TEST(ScramServer, RefusesFinalMessagesAsPostgresqlDoes) {
  const std::string nonce = "r=" + kClientNonce + kServerNonce;
  const std::string proof = ",p=" + kProof;
  const std::pair<std::string, std::string> kRefusals[] = {
      {"", "malformed SCRAM message: The message is empty."},
      {std::string(2000, 'c'), "invalid message length"},
      {nonce + proof, "malformed SCRAM message: Expected attribute \"c\" but found \"'r'\"."},
      {"c=eSws," + nonce + proof, "unexpected SCRAM channel-binding attribute"},
      {"c=," + nonce + proof, "unexpected SCRAM channel-binding attribute"},
      {"c=biws", "malformed SCRAM message: Expected attribute \"r\" but found \"0x00\"."},
      {"c=biws," + nonce, "malformed SCRAM message: Attribute expected, but found end of string."},
      {"c=biws," + nonce + ",p", "malformed SCRAM message: Expected character \"=\""},
      {"c=biws," + nonce + ",p=", "malformed SCRAM message: Malformed proof"},
      {"c=biws," + nonce + ",p=Zm9v", "malformed SCRAM message: Malformed proof"},
      {"c=biws," + nonce + ",p=****", "malformed SCRAM message: Malformed proof"},
      {"c=biws," + nonce + proof + ",x=1", "malformed SCRAM message: Garbage found at the end"},
      {"c=biws,r=" + kClientNonce + proof, "invalid SCRAM response: Nonce does not match."},
      {"c=biws," + nonce + "x" + proof, "invalid SCRAM response: Nonce does not match."},
  };
  for (const auto& [text, message] : kRefusals) {
    SCOPED_TRACE(text);
    ScramServer server = rfc_server();
    ASSERT_TRUE(server.first("SCRAM-SHA-256", kClientFirst).has_value());
    const auto answer = server.final(text);
    ASSERT_TRUE(answer.has_error());
    EXPECT_EQ(answer.error().kind, ErrorKind::corrupt);
    EXPECT_EQ(answer.error().code, "08P01");
    EXPECT_TRUE(answer.error().message.starts_with(message)) << answer.error().message;
  }
}

TEST(ScramServer, RefusesTheBindingOfAnotherConnection) {
  for (const Bytes& other : {Bytes(32, 0xa6), Bytes(31, 0xa5), Bytes(48, 0xa5)}) {
    const auto out = log_in(rfc_server(kHash), ScramClient("pencil", {.certificate_hash = other}),
                            "SCRAM-SHA-256-PLUS");
    ASSERT_TRUE(out.has_error());
    EXPECT_EQ(out.error().kind, ErrorKind::denied);
    EXPECT_EQ(out.error().code, "28000");
    EXPECT_EQ(out.error().message, "SCRAM channel binding check failed");
  }
}

TEST(ScramServer, RefusesAProofWithAnyBitChanged) {
  const std::string proof = *from_base64(kProof);
  for (std::size_t bit = 0; bit < proof.size() * 8; ++bit) {
    std::string changed = proof;
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << bit % 8));
    ScramServer server = rfc_server();
    ASSERT_TRUE(server.first("SCRAM-SHA-256", kClientFirst).has_value());
    const auto answer =
        server.final("c=biws,r=" + kClientNonce + kServerNonce + ",p=" + base64(changed));
    ASSERT_TRUE(answer.has_error()) << bit;
    EXPECT_EQ(answer.error().code, "28P01");
  }
}

TEST(ScramVerifier, RefusesOtherTexts) {
  const std::string good(kRfcVerifier);
  const auto with = [&](std::string_view from, std::string_view to) {
    std::string text = good;
    return text.replace(text.find(from), from.size(), to);
  };
  const std::string kBad[] = {"",
                              "md5a3556571e93b0d20722ba62be61e8c2d",
                              "pencil",
                              "SCRAM-SHA-256",
                              "SCRAM-SHA-256$",
                              "SCRAM-SHA-256$4096",
                              "SCRAM-SHA-256$4096:",
                              "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==",
                              "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$",
                              with("SCRAM-SHA-256", "SCRAM-SHA-512"),
                              with("4096", "0"),
                              with("4096", "-1"),
                              with("4096", "+1"),
                              with("4096", ""),
                              with("4096", "4096x"),
                              with("4096", "99999999999"),
                              with("W22ZaJ0SNY7soEsUEjb6gQ==", ""),
                              with("W22Z", "W2*Z"),
                              with("WG5d", ""),
                              with("wfPL", "wfPLwfPL"),
                              good + "x",
                              good.substr(0, good.size() - 1),
                              with("W22Z", std::string(2000, 'A'))};
  for (const std::string& text : kBad) {
    const auto parsed = parse_scram_verifier(text);
    ASSERT_TRUE(parsed.has_error()) << text;
    EXPECT_EQ(parsed.error().kind, ErrorKind::invalid);
    EXPECT_EQ(parsed.error().message, "the stored password is no SCRAM-SHA-256 verifier");
  }
}

// A certificate that `key` signs with `digest` (nullptr where the key brings its own).
Bytes end_point(EVP_PKEY* key, const EVP_MD* digest, bool pss = false) {
  const std::unique_ptr<X509, decltype(&X509_free)> certificate(X509_new(), X509_free);
  X509_set_version(certificate.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), 0);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 3600);
  X509_set_pubkey(certificate.get(), key);
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                        EVP_MD_CTX_free);
  EVP_PKEY_CTX* parameters = nullptr;
  EXPECT_EQ(EVP_DigestSignInit(context.get(), &parameters, digest, nullptr, key), 1);
  if (pss) EXPECT_GT(EVP_PKEY_CTX_set_rsa_padding(parameters, RSA_PKCS1_PSS_PADDING), 0);
  EXPECT_GT(X509_sign_ctx(certificate.get(), context.get()), 0);
  Bytes hash = tls_server_end_point(*certificate);

  unsigned char* der = nullptr;
  const int size = i2d_X509(certificate.get(), &der);
  Bytes expected(EVP_MAX_MD_SIZE);
  unsigned int length = 0;
  if (!hash.empty()) {
    const EVP_MD* by = hash.size() == 32   ? EVP_sha256()
                       : hash.size() == 48 ? EVP_sha384()
                                           : EVP_sha512();
    EXPECT_EQ(
        EVP_Digest(der, static_cast<std::size_t>(size), expected.data(), &length, by, nullptr), 1);
  }
  OPENSSL_free(der);
  expected.resize(length);
  EXPECT_EQ(hash, expected);
  return hash;
}

TEST(TlsServerEndPoint, HashesByTheDigestOfTheSignature) {
  using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
  const Key rsa(EVP_RSA_gen(2048), EVP_PKEY_free);
  const Key ec(EVP_EC_gen("P-256"), EVP_PKEY_free);
  const Key ed(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"), EVP_PKEY_free);
  EXPECT_EQ(end_point(rsa.get(), EVP_md5()).size(), 32u);
  EXPECT_EQ(end_point(rsa.get(), EVP_sha1()).size(), 32u);
  EXPECT_EQ(end_point(rsa.get(), EVP_sha256()).size(), 32u);
  EXPECT_EQ(end_point(rsa.get(), EVP_sha384()).size(), 48u);
  EXPECT_EQ(end_point(ec.get(), EVP_sha512()).size(), 64u);
  EXPECT_EQ(end_point(rsa.get(), EVP_sha384(), true).size(), 48u);
  EXPECT_TRUE(end_point(ed.get(), nullptr).empty());
}

}  // namespace
}  // namespace aurora_global::pgwire
