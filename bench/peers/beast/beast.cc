// SPDX-License-Identifier: MIT
//
// Boost.Beast, asynchronous on one io_context, as in its own examples:
// async_read into a flat_buffer, messages whole, UTF-8 checked by Beast.

#include "common/tally.h"

#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/ssl.hpp>
#include <boost/beast/version.hpp>
#include <boost/beast/websocket.hpp>
#include <boost/beast/websocket/ssl.hpp>
#include <boost/version.hpp>

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace ssl = asio::ssl;
namespace websocket = beast::websocket;
using tcp = asio::ip::tcp;

namespace {

struct Run {
  const tally_plan* plan;
  asio::io_context io{1};
  ssl::context tls{ssl::context::tls_client};
  tcp::endpoint address;
  asio::steady_timer settle{io};
  unsigned dialled = 0;
  std::vector<std::shared_ptr<void>> streams;
};

void check(beast::error_code error) {
  if (error) tally_die(1, error.message().c_str());
}

void dial(Run& run);

beast::tcp_stream make_layer(Run& run, beast::tcp_stream*) {
  return beast::tcp_stream(run.io);
}

beast::ssl_stream<beast::tcp_stream>
make_layer(Run& run, beast::ssl_stream<beast::tcp_stream>*) {
  beast::ssl_stream<beast::tcp_stream> layer(run.io, run.tls);
  layer.set_verify_callback(ssl::host_name_verification(run.plan->host));
  return layer;
}

template <class Layer>
class Stream : public std::enable_shared_from_this<Stream<Layer>> {
public:
  explicit Stream(Run& run)
      : run_(run), ws_(make_layer(run, static_cast<Layer*>(nullptr))) {
  }

  void start() {
    beast::get_lowest_layer(ws_).async_connect(
        run_.address, [self = this->shared_from_this()](auto error) {
          check(error);
          self->connected(self->ws_.next_layer());
        });
  }

private:
  void connected(beast::tcp_stream& layer) {
    layer.socket().set_option(tcp::no_delay(true));
    upgrade();
  }

  void connected(beast::ssl_stream<beast::tcp_stream>& layer) {
    beast::get_lowest_layer(ws_).socket().set_option(tcp::no_delay(true));
    layer.async_handshake(ssl::stream_base::client,
                          [self = this->shared_from_this()](auto error) {
                            check(error);
                            self->upgrade();
                          });
  }

  void upgrade() {
    std::string host = std::string(run_.plan->host) + ":" + run_.plan->port;
    ws_.async_handshake(host, run_.plan->path,
                        [self = this->shared_from_this()](auto error) {
                          check(error);
                          self->opened();
                        });
  }

  void opened() {
    bool last = tally_open();
    dial(run_);
    if (last && run_.plan->mode == TALLY_IDLE) settle();
    if (run_.plan->mode == TALLY_PINGPONG) return ping();
    read();
  }

  void settle() {
    run_.settle.expires_after(std::chrono::milliseconds(TALLY_SETTLE_MS));
    run_.settle.async_wait([this](auto) { run_.io.stop(); });
  }

  void ping() {
    static const std::string text(TALLY_PING);
    tally_sent();
    ws_.async_write(asio::buffer(text),
                    [self = this->shared_from_this()](auto error, auto) {
                      check(error);
                      self->read();
                    });
  }

  void read() {
    ws_.async_read(buffer_,
                   [self = this->shared_from_this()](auto error, auto) {
                     check(error);
                     self->received();
                   });
  }

  void received() {
    tally_event(buffer_.data().data(), buffer_.size());
    buffer_.consume(buffer_.size());
    if (tally_done()) return run_.io.stop();
    if (run_.plan->mode == TALLY_PINGPONG) return ping();
    read();
  }

  Run& run_;
  websocket::stream<Layer> ws_;
  beast::flat_buffer buffer_;
};

template <class Layer> void dial_over(Run& run) {
  auto stream = std::make_shared<Stream<Layer>>(run);
  run.streams.push_back(stream);
  stream->start();
}

void dial(Run& run) {
  if (run.dialled == run.plan->connections) return;
  run.dialled++;
  if (!run.plan->tls) return dial_over<beast::tcp_stream>(run);
  dial_over<beast::ssl_stream<beast::tcp_stream>>(run);
}

} // namespace

int main(int argc, char** argv) {
  Run run;
  run.plan = tally_begin(argc, argv);
  if (run.plan->tls) {
    run.tls.load_verify_file(run.plan->ca);
    run.tls.set_verify_mode(ssl::verify_peer);
  }
  run.address = {asio::ip::make_address(run.plan->host),
                 static_cast<unsigned short>(std::stoi(run.plan->port))};
  tally_start();
  for (int i = 0; i < TALLY_WINDOW; i++)
    dial(run);
  run.io.run();
  std::string version = BOOST_LIB_VERSION;
  std::replace(version.begin(), version.end(), '_', '.');
  return tally_leave("beast", version.c_str());
}
