/* SPDX-License-Identifier: MIT */
/*
 * The client as a C++17 object.
 *
 *   example-raii COUNT TOPIC...
 *
 * Prints the events of the topics until COUNT have come, or SIGINT.
 *
 * A client ends asynchronously, an object at once.  So what callbacks need
 * lives in a Core, which the object only borrows: the destructor closes, and the
 * close callback, the last of all, deletes the Core.  From the destructor on no
 * handler is called any more.
 */
#include <gcnotify.h>
#include <uv.h>

#include <cstdlib>
#include <exception>
#include <functional>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

std::string_view view(gcn_span_t span) {
  return span.size == 0 ? std::string_view()
                        : std::string_view(span.data, span.size);
}

class Error : public std::runtime_error {
public:
  Error(const std::string& what, int code)
      : std::runtime_error(what + ": " + gcn_strerror(code)), code_(code) {
  }
  int code() const noexcept {
    return code_;
  }

private:
  int code_;
};

/* A loop that outlives its clients: it is run until they are gone. */
class Loop {
public:
  Loop() {
    int error = uv_loop_init(&loop_);
    if (error != 0) throw Error("loop", error);
  }
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;
  ~Loop() {
    uv_run(&loop_, UV_RUN_DEFAULT);
    if (uv_loop_close(&loop_) != 0) std::terminate();
  }
  uv_loop_t* get() noexcept {
    return &loop_;
  }

  /* Throws what a handler has thrown. */
  void run() {
    uv_run(&loop_, UV_RUN_DEFAULT);
    if (thrown_) std::rethrow_exception(std::exchange(thrown_, nullptr));
  }
  /* No exception may pass through C. */
  void caught() noexcept {
    if (!thrown_) thrown_ = std::current_exception();
    uv_stop(&loop_);
  }

private:
  uv_loop_t loop_;
  std::exception_ptr thrown_;
};

class Client {
public:
  struct Handlers {
    std::function<void(std::string_view topic, std::string_view body)> event;
    std::function<void(const gcn_gap_t&)> gap;
  };

  /* `options` are as gcn_options_init and the caller have left them; callbacks
   * and data are set here. */
  Client(Loop& loop, gcn_options_t options, Handlers handlers)
      : core_(new Core{loop, std::move(handlers)}) {
    options.data = core_;
    options.event_cb = on_event;
    options.gap_cb = on_gap;
    options.log_cb = on_log;
    int error = gcn_client_new(&client_, loop.get(), &options);
    if (error == 0) return;
    std::string why = core_->log;
    delete core_;
    throw Error(why.empty() ? "client" : why, error);
  }
  Client(Client&& other) noexcept
      : client_(std::exchange(other.client_, nullptr)), core_(other.core_) {
  }
  Client& operator=(Client&& other) noexcept {
    std::swap(client_, other.client_);
    std::swap(core_, other.core_);
    return *this;
  }
  ~Client() {
    if (client_ != nullptr) gcn_client_close(client_, on_close);
  }

  void subscribe(const std::vector<const char*>& topics) {
    check("subscribe",
          gcn_client_subscribe(client_, topics.data(), topics.size()));
  }
  void start() {
    check("start", gcn_client_start(client_));
  }
  gcn_stats_t stats() const {
    gcn_stats_t stats{};
    stats.size = sizeof stats;
    check("stats", gcn_client_stats(client_, &stats));
    return stats;
  }

private:
  struct Core {
    Loop& loop;
    Handlers handlers;
    std::string log = {};
  };

  static Core& core_of(gcn_client_t* client) {
    return *static_cast<Core*>(gcn_client_data(client));
  }

  template <typename Call> static void guarded(Core& core, Call call) noexcept {
    try {
      call();
    } catch (...) {
      core.loop.caught();
    }
  }

  static void on_event(gcn_client_t* client, const gcn_event_t* event) {
    Core& core = core_of(client);
    if (!core.handlers.event) return;
    guarded(core, [&] {
      core.handlers.event(view(event->topic), view(event->body));
    });
  }
  static void on_gap(gcn_client_t* client, const gcn_gap_t* gap) {
    Core& core = core_of(client);
    if (!core.handlers.gap) return;
    guarded(core, [&] { core.handlers.gap(*gap); });
  }
  static void on_log(void* data, gcn_log_level_t, const char* line) {
    Core& core = *static_cast<Core*>(data);
    guarded(core, [&] {
      core.log = line;
      std::cerr << line << '\n';
    });
  }
  static void on_close(gcn_client_t* client) {
    delete &core_of(client);
  }

  static void check(const char* what, int error) {
    if (error != 0) throw Error(what, error);
  }

  gcn_client_t* client_ = nullptr;
  Core* core_;
};

gcn_options_t options_of_environment() {
  gcn_options_t options;
  gcn_options_init(&options);
  options.region = std::getenv("GENESYSCLOUD_REGION");
  options.api_url = std::getenv("GENESYSCLOUD_API_URL");
  options.login_url = std::getenv("GENESYSCLOUD_LOGIN_URL");
  options.client_id = std::getenv("GENESYSCLOUD_OAUTHCLIENT_ID");
  options.client_secret = std::getenv("GENESYSCLOUD_OAUTHCLIENT_SECRET");
  options.ca_path = std::getenv("SSL_CERT_FILE");
  return options;
}

/* Handlers may throw: that ends the run of the loop. */
struct Enough {};

class Interrupt {
public:
  explicit Interrupt(Loop& loop) : signal_(new uv_signal_t) {
    uv_signal_init(loop.get(), signal_);
    signal_->data = &loop;
    uv_signal_start(signal_, on_signal, SIGINT);
  }
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;
  ~Interrupt() {
    uv_close(reinterpret_cast<uv_handle_t*>(signal_), [](uv_handle_t* handle) {
      delete reinterpret_cast<uv_signal_t*>(handle);
    });
  }

private:
  static void on_signal(uv_signal_t* signal, int) {
    uv_stop(static_cast<Loop*>(signal->data)->get());
  }
  uv_signal_t* signal_;
};

void stream(unsigned long count, const std::vector<const char*>& topics) {
  unsigned long seen = 0;
  Loop loop;
  Interrupt interrupt(loop);
  Client::Handlers handlers;
  handlers.event = [&](std::string_view topic, std::string_view body) {
    std::cout << topic << ' ' << body << std::endl;
    if (++seen >= count) throw Enough();
  };
  handlers.gap = [](const gcn_gap_t& gap) {
    std::cerr << "events may be missing after: " << gap.cause << '\n';
  };
  Client made(loop, options_of_environment(), std::move(handlers));
  Client client = std::move(made);
  client.subscribe(topics);
  client.start();
  try {
    loop.run();
  } catch (const Enough&) {
    std::cerr << client.stats().events << " events\n";
  }
}

} // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::cerr << "usage: example-raii COUNT TOPIC...\n";
    return 2;
  }
  try {
    stream(std::strtoul(argv[1], nullptr, 10), {argv + 2, argv + argc});
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
  return 0;
}
