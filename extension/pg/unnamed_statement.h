// The client's unnamed statement on its way to the primary and back.
//
// It is in no catalog, and PostgreSQL tells no extension of it. So what a Parse message said is
// kept, on both ways: while the statement that stands here is needed there, and when a relay ends
// that has replaced it.
#pragma once

#include <vector>

#include "core/session_image.h"
#include "pg/pg.h"
#include "pg/remote.h"

struct ParseState;

namespace aurora_global::extension {

// A statement was parsed here.
void note_unnamed_here(const ParseState* state);

// The one that stands here: adds what the client's message of it does not say.
void add_unnamed(SessionImage& image);
// Another one than that of today's settings would be; 0: it is the same, or there is none.
std::uint64_t unnamed_of_other_settings();
// That of a session which was restored here comes next, in a message of its carrier's: until the
// transaction ends it is parsed as it was, and says nothing.
void expect_unnamed(const SessionImage* image);
void parse_unnamed_as_it_was();

// A relay begins; `portal_is_unnamed`: it is told to the primary by send_portal().
void begin_unnamed(bool portal_is_unnamed);

// Before the client's Bind or Describe of it: the primary will know it as it is here.
void ensure_unnamed(Remote& r);

// Its text in the server's encoding; empty if there is none.
const char* unnamed_text();

// The client's Parse message of it goes to the primary, and the primary's answers: it has parsed
// the first that it was sent; it has none any more (a Close, a Query, a Parse that failed); it has
// come to an error and will not come to what was sent.
void note_unnamed_parse(const char* text, std::vector<std::uint32_t> types);
void note_unnamed_parsed();
void note_unnamed_dropped();
void forget_unnamed_unanswered();

// The relay has ended. When the client has its ReadyForQuery, and before PostgreSQL reads the next
// message, restore_unnamed() lets it read from us what the unnamed statement is now.
void expect_restoring();
void restore_unnamed();

// What goes to the client meanwhile; true: it does not go there.
bool answers_restoring(char type, std::string_view body);

}  // namespace aurora_global::extension
