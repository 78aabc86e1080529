/// What a tracker tells about itself. Nothing in it names a swarm, a peer or an address: who may connect may read it.
struct TrackerFigures {
    let totals: TrackerRegistry.Totals
    let counters: TrackerRegistry.Counters
    /// Connections that were not let in.
    let turnedAway: Int
    /// Messages that were dropped unread, or refused, because there were too many of them.
    let unread: Int
    let uptime: Duration

    /// Name for programs, words for people, number.
    private var rows: [(name: String, words: String, count: Int)] {
        [
            ("sockets", "connections", self.totals.sockets),
            ("swarms", "swarms", self.totals.swarms),
            ("peers", "peers", self.totals.peers),
            ("seeders", "of them with everything", self.totals.seeders),
            ("leechers", "of them still fetching", self.totals.peers - self.totals.seeders),
            ("announces", "announces", self.counters.announces),
            ("scrapes", "scrapes", self.counters.scrapes),
            ("completed", "downloads completed", self.counters.completed),
            ("offers", "offers handed on", self.counters.offers),
            ("answers", "answers handed back", self.counters.answers),
            ("droppedAnswers", "answers to no offer", self.counters.droppedAnswers),
            ("refusals", "requests refused", self.counters.refusals),
            ("unread", "messages beyond the rates", self.unread),
            ("turnedAway", "connections turned away", self.turnedAway),
            ("uptime", "seconds since the start", Int(self.uptime.components.seconds)),
        ]
    }

    var json: [UInt8] {
        JSONValue.object(self.rows.map { JSONValue.Member(name: $0.name, value: .integer($0.count)) }).encoded
    }

    var html: [UInt8] {
        let rows = self.rows.map { "<tr><td>\($0.words)<td class=n>\($0.count)\n" }.joined()
        let page = """
            <!doctype html>
            <html lang=en>
            <meta charset=utf-8>
            <meta name=viewport content="width=device-width">
            <title>A Shoal tracker</title>
            <style>
            body { font: 16px/1.5 system-ui, sans-serif; max-width: 36em; margin: 3em auto; padding: 0 1em }
            td { padding-right: 2em } .n { text-align: right; font-variant-numeric: tabular-nums }
            </style>
            <h1>A Shoal tracker</h1>
            <p>Peers that share the weights of a model meet here, and then talk to each other: no weights pass through. It
            speaks WebTorrent’s protocol over WebSocket at this address, at any path.
            <table>
            \(rows)</table>
            <p>For programs: <a href="/stats.json">/stats.json</a>

            """
        return Array(page.utf8)
    }
}
