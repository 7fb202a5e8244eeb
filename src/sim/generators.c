/* SPDX-License-Identifier: MIT */
/*
 * Made-up event bodies of every family, in the forms and sizes of PROTOCOL §9.
 *
 * A body depends on its topic, the generator's state and the moment, on nothing
 * else.  Addresses are of documentation ranges; names hold multi-byte text,
 * because that is where decoders break.
 */
#include "sim/service-state.h"

struct body {
  struct gcn__sim_text* out;
  struct gcn__rng* rng;
  struct gcn__span id; /* the topic's own: a user's, a queue's, ... */
  uint64_t wall_ms;
};

static const char* const names[] = {
    "Party 1",     "Åsa Öberg",   "José Núñez", "渡辺 美咲",
    "Łukasz Żółć", "Zoë O'Brien", "Ольга Ким",  "Ana 🎧 Ruiz",
};
static const char* const presences[] = {"AVAILABLE", "AWAY",    "BREAK",
                                        "BUSY",      "IDLE",    "MEAL",
                                        "MEETING",   "OFFLINE", "ON_QUEUE"};
static const char* const routings[] = {"IDLE", "INTERACTING", "COMMUNICATING",
                                       "NOT_RESPONDING", "OFF_QUEUE"};
static const char* const states[] = {"alerting",  "dialing",      "offering",
                                     "connected", "disconnected", "terminated"};
static const char* const purposes[] = {"customer", "ivr", "acd", "agent"};
static const char* const cities[] = {"Helsinki", "Jyväskylä", "Zürich",
                                     "São Paulo", "東京"};
static const char* const words[] = {"i",      "would",     "like",    "to",
                                    "change", "my",        "adresse", "señor",
                                    "please", "ありがとう"};

#define PICK(body, list)                                                       \
  (list)[gcn__rng_below((body)->rng, sizeof(list) / sizeof((list)[0]))]

static void put_id(struct body* body, const char* before) {
  char id[GCN__SIM_ID_SIZE];
  gcn__sim_uuid(body->rng, id);
  gcn__sim_text_put(body->out, "%s\"%s\"", before, id);
}

static void put_own_id(struct body* body, const char* before) {
  gcn__sim_text_put(body->out, "%s", before);
  gcn__sim_text_json(body->out, body->id);
}

/* A moment `ago_ms` before the event. */
static void put_time(struct body* body, const char* before, uint64_t ago_ms) {
  char iso[GCN__SIM_ISO_SIZE];
  uint64_t at = body->wall_ms > ago_ms ? body->wall_ms - ago_ms : 0;
  gcn__sim_iso(at, iso);
  gcn__sim_text_put(body->out, "%s\"%s\"", before, iso);
}

static void put_epoch(struct body* body, const char* before) {
  gcn__sim_text_put(body->out, "%s%llu", before,
                    (unsigned long long)body->wall_ms);
}

static void put_number(struct body* body, const char* before, uint64_t bound) {
  gcn__sim_text_put(body->out, "%s%llu", before,
                    (unsigned long long)gcn__rng_below(body->rng, bound));
}

static void put(struct body* body, const char* text) {
  gcn__sim_text_put(body->out, "%s", text);
}

static bool chance(struct body* body, unsigned percent) {
  return gcn__rng_below(body->rng, 100) < percent;
}

static void write_presence(struct body* body) {
  put_id(body, "{\"source\":\"PURECLOUD\",\"presenceDefinition\":{\"id\":");
  gcn__sim_text_put(body->out, ",\"systemPresence\":\"%s\"},",
                    PICK(body, presences));
  put(body, "\"primary\":true,\"message\":");
  const char* message = chance(body, 20) ? PICK(body, names) : "";
  gcn__sim_text_json(body->out, gcn__span_str(message));
  put_time(body, ",\"modifiedDate\":", 0);
  put(body, "}");
}

static void write_routing_status(struct body* body) {
  put_own_id(body, "{\"id\":");
  gcn__sim_text_put(body->out, ",\"routingStatus\":{\"status\":\"%s\"",
                    PICK(body, routings));
  put_time(body, ",\"startTime\":", 0);
  put(body, "}}");
}

static void write_geolocation(struct body* body) {
  put_own_id(body, "{\"userId\":");
  put(body, ",\"type\":\"client\",\"country\":\"FI\","
            "\"region\":\"Uusimaa\",\"city\":");
  gcn__sim_text_json(body->out, gcn__span_str(PICK(body, cities)));
  put(body, "}");
}

static void write_activity(struct body* body) {
  put_own_id(body, "{\"id\":");
  gcn__sim_text_put(body->out, ",\"routingStatus\":{\"status\":\"%s\"",
                    PICK(body, routings));
  put_time(body, ",\"startTime\":", 60000);
  put_id(body, "},\"presence\":{\"presenceDefinition\":{\"id\":");
  gcn__sim_text_put(body->out, ",\"systemPresence\":\"%s\"}",
                    PICK(body, presences));
  put_time(body, ",\"presenceMessage\":\"\",\"modifiedDate\":", 1000);
  put_time(body,
           "},\"outOfOffice\":{\"active\":false,\"modifiedDate\":", 86400000);
  put(body, "},\"activeQueueIds\":[");
  uint64_t queues = gcn__rng_below(body->rng, 5);
  for (uint64_t i = 0; i < queues; i++)
    put_id(body, i == 0 ? "" : ",");
  put_time(body, "],\"dateActiveQueuesChanged\":", 3600000);
  put(body, "}");
}

static void write_summary(struct body* body) {
  static const char* const kinds[] = {"call",    "callback", "email",
                                      "message", "chat",     "socialExpression",
                                      "video"};
  put_own_id(body, "{\"userId\":");
  for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
    gcn__sim_text_put(body->out, ",\"%s\":{\"contactCenter\":{", kinds[i]);
    put_number(body, "\"active\":", 3);
    put_number(body, ",\"acw\":", 2);
    put_number(body, "},\"enterprise\":{\"active\":", 2);
    put(body, "}}");
  }
  put(body, "}");
}

static void write_queue_user(struct body* body) {
  char user[GCN__SIM_ID_SIZE];
  gcn__sim_uuid(body->rng, user);
  gcn__sim_text_put(body->out, "{\"id\":\"%s\",\"user\":{\"id\":\"%s\"}", user,
                    user);
  put_own_id(body, ",\"queueId\":");
  gcn__sim_text_put(body->out, ",\"joined\":%s,\"additionalProperties\":{}}",
                    chance(body, 50) ? "true" : "false");
}

static void write_observations(struct body* body) {
  uint64_t half_hour = body->wall_ms / 1800000 * 1800000;
  char from[GCN__SIM_ISO_SIZE];
  char to[GCN__SIM_ISO_SIZE];
  gcn__sim_iso(half_hour, from);
  gcn__sim_iso(half_hour + 1800000, to);
  put_own_id(body, "{\"group\":{\"queueId\":");
  gcn__sim_text_put(body->out,
                    ",\"mediaType\":\"voice\"},\"data\":[{\"interval\":"
                    "\"%s/%s\",\"metrics\":[",
                    from, to);
  uint64_t more = gcn__rng_below(body->rng, 20);
  for (uint64_t i = 0; i < more; i++) {
    put_number(body, "{\"metric\":\"nOffered\",\"stats\":{\"count\":", 500);
    put_number(body,
               "}},{\"metric\":\"tAnswered\",\"stats\":{\"max\":41200.0,"
               "\"min\":900.0,\"count\":",
               500);
    put_number(body, ",\"sum\":", 1000000);
    put(body, ".0}},");
  }
  put(body, "{\"metric\":\"oServiceLevel\",\"stats\":{\"ratio\":0.914,"
            "\"numerator\":32,\"denominator\":35,\"target\":0.8}}]}]}");
}

static void write_queue_activity(struct body* body) {
  put(body, "{\"results\":[{\"mediaType\":\"voice\",\"data\":[");
  put_number(body, "{\"metric\":\"oWaiting\",\"count\":", 40);
  put_number(body, "},{\"metric\":\"oInteracting\",\"count\":", 90);
  put_number(body, "},{\"metric\":\"oAlerting\",\"count\":", 9);
  put_epoch(body,
            "},{\"metric\":\"oLongestWaiting\",\"calculatedMetricValue\":");
  put(body, "}]}]}");
}

/* Attributes are what makes conversations large. */
static void write_attributes(struct body* body, uint64_t count) {
  put(body, ",\"attributes\":{");
  for (uint64_t i = 0; i < count; i++) {
    gcn__sim_text_put(body->out, "%s\"attribute %llu\":", i == 0 ? "" : ",",
                      (unsigned long long)i);
    gcn__sim_text_json(body->out, gcn__span_str(PICK(body, names)));
  }
  put(body, "}");
}

static void write_participant(struct body* body, size_t index) {
  const char* purpose = purposes[index % 4];
  put_id(body, "{\"id\":");
  put(body, ",\"name\":");
  gcn__sim_text_json(body->out, gcn__span_str(PICK(body, names)));
  put_time(body, ",\"address\":\"tel:+358500000001\",\"startTime\":", 90000);
  put_time(body, ",\"connectedTime\":", 60000);
  gcn__sim_text_put(body->out, ",\"purpose\":\"%s\",\"state\":\"%s\"", purpose,
                    PICK(body, states));
  put(body, ",\"direction\":\"inbound\",\"held\":false,"
            "\"wrapupRequired\":false");
  put_own_id(body, ",\"queue\":{\"id\":");
  put(body, "}");
  write_attributes(body, gcn__rng_below(body->rng, 20));
  put(body, ",\"provider\":\"Edge\",\"muted\":false,\"confined\":false,"
            "\"recording\":true,\"recordingState\":\"active\","
            "\"ani\":\"tel:+358500000001\",\"dnis\":\"tel:+358900000002\"");
  put_own_id(body, ",\"conversationRoutingData\":{\"queue\":{\"id\":");
  put(body, "},\"language\":{},\"priority\":0,\"skills\":[],"
            "\"scoredAgents\":[]}}");
}

static void write_calls(struct body* body) {
  uint64_t parties = gcn__rng_between(body->rng, 2, 8);
  put_id(body, "{\"id\":");
  put(body, ",\"participants\":[");
  for (uint64_t i = 0; i < parties; i++) {
    if (i > 0) put(body, ",");
    write_participant(body, (size_t)i);
  }
  put(body, "],\"otherMediaUris\":[],\"recordingState\":\"ACTIVE\","
            "\"securePause\":false,\"divisions\":[{\"division\":{");
  put_id(body, "\"id\":");
  put(body, "},\"entities\":[]}]}");
}

static void write_leg(struct body* body, size_t index) {
  put_id(body, "{\"id\":");
  gcn__sim_text_put(body->out, ",\"purpose\":\"%s\"", purposes[index % 4]);
  put_id(body, ",\"userId\":");
  put_own_id(body, ",\"queueId\":");
  put_id(body, ",\"calls\":[{\"id\":");
  gcn__sim_text_put(body->out, ",\"state\":\"%s\",\"direction\":\"inbound\"",
                    PICK(body, states));
  put_id(body, ",\"held\":false,\"provider\":\"Edge\",\"peerId\":");
  put_time(body, ",\"startTime\":", 90000);
  put(body, "}],\"callbacks\":[],\"chats\":[],\"emails\":[],\"messages\":[]");
  write_attributes(body, gcn__rng_between(body->rng, 20, 80));
  put(body, "}");
}

static void write_conversation(struct body* body) {
  uint64_t parties = gcn__rng_between(body->rng, 3, 9);
  put_id(body, "{\"id\":");
  put(body, ",\"participants\":[");
  for (uint64_t i = 0; i < parties; i++) {
    if (i > 0) put(body, ",");
    write_leg(body, (size_t)i);
  }
  put(body, "]}");
}

static void write_detail(struct body* body) {
  put_epoch(body, "{\"eventTime\":");
  put_own_id(body, ",\"conversationId\":");
  put_id(body, ",\"participantId\":");
  put_id(body, ",\"sessionId\":");
  put(body, ",\"mediaType\":\"VOICE\",\"provider\":\"Edge\","
            "\"direction\":\"INBOUND\",\"ani\":\"tel:+358500000001\","
            "\"dnis\":\"tel:+358900000002\"");
  put_id(body, ",\"queueId\":");
  put_id(body, ",\"divisionId\":");
}

static void write_acd_start(struct body* body) {
  write_detail(body);
  put(body, "}");
}

static void write_user_end(struct body* body) {
  write_detail(body);
  put_id(body, ",\"disconnectType\":\"PEER\",\"userId\":");
  put_number(body, ",\"interactingDurationMs\":", 600000);
  put_number(body, ",\"heldDurationMs\":", 60000);
  put_number(body, ",\"alertingDurationMs\":", 8000);
  put(body, ",\"contactingDurationMs\":0,\"dialingDurationMs\":0}");
}

static void write_words(struct body* body, uint64_t count) {
  put(body, ",\"transcript\":\"");
  for (uint64_t i = 0; i < count; i++) {
    gcn__sim_text_put(body->out, "%s%s", i == 0 ? "" : " ", PICK(body, words));
  }
  put(body, "\",\"words\":[");
  for (uint64_t i = 0; i < count; i++) {
    gcn__sim_text_put(body->out, "%s{\"confidence\":0.95,\"offsetMs\":%llu",
                      i == 0 ? "" : ",", (unsigned long long)(41000 + i * 200));
    gcn__sim_text_put(body->out, ",\"durationMs\":120,\"word\":\"%s\"}",
                      PICK(body, words));
  }
  put(body, "]");
}

static void write_transcription(struct body* body) {
  put_time(body, "{\"eventTime\":", 0);
  put_id(body, ",\"organizationId\":");
  put_own_id(body, ",\"conversationId\":");
  put_id(body, ",\"communicationId\":");
  put_epoch(body, ",\"sessionStartTimeMs\":");
  put_epoch(body, ",\"transcriptionStartTimeMs\":");
  put_id(body, ",\"transcripts\":[{\"utteranceId\":");
  put(body, ",\"isFinal\":true,\"channel\":\"EXTERNAL\",\"alternatives\":"
            "[{\"confidence\":0.93,\"offsetMs\":41000,\"durationMs\":1800");
  write_words(body, gcn__rng_between(body->rng, 3, 60));
  put(body, "}],\"dialect\":\"en-US\"}],\"status\":{\"offsetMs\":46900,"
            "\"status\":\"SESSION_ONGOING\"}}");
}

static void write_tokens(struct body* body) {
  put_own_id(body, "{\"user\":{\"id\":");
  put_time(body, "},\"ipAddress\":\"192.0.2.7\",\"dateCreated\":", 0);
  put_time(body, ",\"tokenExpirationDate\":", 0);
  put_id(body, ",\"sessionId\":");
  put_id(body, ",\"clientId\":");
  put_id(body, ",\"tokenHash\":");
  put(body, "}");
}

static void write_agent_state(struct body* body) {
  put_id(body, "{\"conversationId\":");
  put_id(body, ",\"sessionId\":");
  put_epoch(body, ",\"sessionStart\":");
  put_epoch(body, ",\"currentStateStart\":");
  gcn__sim_text_put(body->out, ",\"currentState\":\"%s\"",
                    PICK(body, routings));
  put_own_id(body, ",\"userId\":");
  put_id(body, ",\"originatingDirection\":\"INBOUND\",\"mediaType\":\"VOICE\","
               "\"queueId\":");
  put(body, ",\"requestedSkillIds\":[]}");
}

static void write_other(struct body* body) {
  put_own_id(body, "{\"id\":");
  put(body, ",\"name\":");
  gcn__sim_text_json(body->out, gcn__span_str(PICK(body, names)));
  put_time(body, ",\"modifiedDate\":", 0);
  put(body, "}");
}

static void (*const writers[GCN__FAMILIES])(struct body*) = {
    [GCN__FAMILY_PRESENCE] = write_presence,
    [GCN__FAMILY_ROUTING_STATUS] = write_routing_status,
    [GCN__FAMILY_GEOLOCATION] = write_geolocation,
    [GCN__FAMILY_ACTIVITY] = write_activity,
    [GCN__FAMILY_CONVERSATION_SUMMARY] = write_summary,
    [GCN__FAMILY_QUEUE_USERS] = write_queue_user,
    [GCN__FAMILY_QUEUE_OBSERVATIONS] = write_observations,
    [GCN__FAMILY_QUEUE_ACTIVITY] = write_queue_activity,
    [GCN__FAMILY_CALLS] = write_calls,
    [GCN__FAMILY_CONVERSATIONS] = write_conversation,
    [GCN__FAMILY_ACD_START] = write_acd_start,
    [GCN__FAMILY_USER_END] = write_user_end,
    [GCN__FAMILY_TRANSCRIPTION] = write_transcription,
    [GCN__FAMILY_TOKENS] = write_tokens,
    [GCN__FAMILY_AGENT_STATE] = write_agent_state,
    [GCN__FAMILY_OTHER] = write_other,
};

void gcn__sim_generate(struct gcn__sim_text* out,
                       const struct gcn__sim_template* template,
                       struct gcn__span topic, struct gcn__rng* rng,
                       uint64_t wall_ms) {
  struct body body = {out, rng, gcn__sim_topic_id(topic), wall_ms};
  enum gcn__sim_family family =
      template == NULL ? GCN__FAMILY_OTHER : template->family;
  writers[family](&body);
}
