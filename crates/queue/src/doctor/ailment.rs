//! The catalogue: everything that the doctor can find, by a word that stays the same.

use std::fmt;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Good to know; nothing is wrong.
    Note,
    /// Something costs time or could go wrong.
    Warning,
    /// Jobs stand still, or what was paid for is at risk.
    Error,
}

macro_rules! ailments {
    ($($name:ident $word:literal $severity:ident $mendable:literal $means:literal $remedy:literal;)+) => {
        /// What can be wrong. The words are relied on from outside.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Ailment {$(
            #[doc = $means]
            $name,
        )+}

        impl Ailment {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The stable word.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word),+ }
            }

            /// How bad it is.
            pub const fn severity(self) -> Severity {
                match self { $(Self::$name => Severity::$severity),+ }
            }

            /// Whether [`Queue::mend`](crate::Queue::mend) can mend it without any risk.
            pub const fn is_mendable(self) -> bool {
                match self { $(Self::$name => $mendable),+ }
            }

            /// What it means, as a sentence.
            pub const fn means(self) -> &'static str {
                match self { $(Self::$name => $means),+ }
            }

            /// What to do; `{key}` stands for the key.
            pub(super) const fn remedy(self) -> &'static str {
                match self { $(Self::$name => $remedy),+ }
            }
        }
    };
}

ailments! {
    // The server.
    TooOld "server_too_old" Error false "This server is older than Redis 6.2, which the queue needs." "upgrade it";
    Replica "server_is_replica" Error false "This server is a replica: it takes no writes." "point redis.url at the master";
    ClusterMode "cluster_mode" Error false "The server and redis.mode don't agree on whether this is a cluster." "set redis.mode as the server is: cluster or standalone";
    Loading "server_loading" Error false "The server still loads its data." "wait until it has";
    Evicts "maxmemory_policy" Error false "When memory is full, this server throws keys away: jobs and paid results would vanish." "redis-cli CONFIG SET maxmemory-policy noeviction, and the same in redis.conf";
    Evicted "keys_were_evicted" Error false "The server has thrown keys away since it started; some may have been this queue's." "set maxmemory-policy noeviction; look at the other findings for what is missing";
    MemoryFull "memory_full" Error false "Memory is full: nothing new is started, only what is under way goes on." "redis-cli CONFIG SET maxmemory <more>, or wait until results expire";
    MemoryTight "memory_tight" Warning false "More than nine tenths of maxmemory are used: soon nothing new is started." "redis-cli CONFIG SET maxmemory <more>, or a shorter results.ttl";
    AofOff "aof_off" Warning false "Without an append-only file a crash of the server loses jobs, and ids of generations that were paid for." "redis-cli CONFIG SET appendonly yes, and the same in redis.conf";
    Fsync "aof_fsync" Warning false "The append-only file is not synced at every write: a power cut loses the last second or more, with ids that were paid for." "redis-cli CONFIG SET appendfsync always, and the same in redis.conf";
    AofFailing "aof_write_failing" Error false "The server can't write its append-only file." "look at its disk and its log";
    SnapshotFailing "snapshot_failing" Error false "The server's last snapshot failed; it may refuse writes for that." "look at its disk and its log, then redis-cli BGSAVE SCHEDULE";
    Slow "slow_answers" Warning false "The server takes long to answer: leases and submits get tight." "look at its load, redis-cli SLOWLOG GET, and the network";
    ClockOff "clock_off" Warning false "The server's clock and this machine's differ by more than 2 s; by run_at and in logs, people's times don't fit the queue's." "mend the clock that is wrong (NTP)";
    ClockWrong "clock_wrong" Error false "The server's clock and this machine's differ by more than 30 s." "mend the clock that is wrong (NTP); the queue goes by the server's";
    ClockBack "clock_went_back" Error false "What was written lies in the server's future: its clock was set back, and steps wait until it has caught up." "let the clock catch up slowly (NTP slew), or wait";
    Acl "acl_denied" Error false "This user may not do what a worker needs." "ACL SETUSER with what deploy/redis names for workers";

    // What stands around the jobs.
    WrongType "wrong_type" Error false "This key is of another type than the queue uses: what needs it stands still." "look at it, then redis-cli RENAME {key} somewhere-else";
    UnknownKey "unknown_key" Note false "No part of this version uses this key." "leave it, if another version or a person made it";
    SchemaMissing "schema_missing" Warning true "The version of the layout is not written down." "--repair writes it, and so does a worker that starts";
    SchemaNewer "schema_newer" Error false "The layout is of a newer version than this gammaq, or can't be read." "use the version of gammaq that the workers have; redis-cli GET {key}";
    GroupMissing "group_missing" Error true "The inbox has no consumer group `workers`: nobody takes anything in." "--repair makes it, and so does a worker";
    InboxHeld "inbox_held" Warning false "Entries of the inbox were given to a worker long ago and are no jobs yet." "look at the workers' logs for \"can't be made a job\"; redis-cli XPENDING {key} workers";
    NoWorker "no_worker" Warning false "There is something to do, and no worker is alive." "gammaq worker";
    WorkerUnlisted "worker_unlisted" Warning false "A worker's record is not in the list of workers." "it expires by itself, or redis-cli DEL {key}";
    StatsUnreadable "stats_unreadable" Error false "A counter is no number: scripts that count it fail." "redis-cli HSET {key} <field> <number>; `accepted` must be above every job's seq";
    Overdue "overdue" Warning false "The oldest step in the schedule is long due: the workers don't keep up, or there are none." "look at the workers' logs; start more of them";
    SweepOverdue "sweep_overdue" Warning false "Entries of jobs whose time is long over stand in an index: nobody sweeps." "it goes by itself where a worker runs";
    AccountUnlisted "account_unlisted" Error true "An account has waiting jobs and is not in `accounts`: nobody ever looks at them." "--repair lists it";
    AccountPutOff "account_put_off" Warning true "An account's jobs wait for longer than its budget and pauses ask for." "--repair has it looked at now";
    AccountNumbers "account_numbers" Error false "A number of this account can't be read: its default is used instead, for the limit 50 in 3600 s." "redis-cli HSET {key} <field> <number>; a worker that starts writes limit and window_ms";
    AccountUnregistered "account_unregistered" Warning false "An account has waiting jobs, and no worker ever had a key for it." "give a worker its key, or cancel its jobs";
    AccountWithoutKey "account_without_key" Note false "An account has waiting jobs, and these settings have no key for it." "leave it, if another worker has the key; else set accounts.<name>.api_key";
    BudgetOver "budget_over_limit" Warning false "More submits are charged within the window than the limit allows; a lower limit than before does that too." "wait: it passes with the window";
    BudgetFuture "budget_in_future" Error false "Slots are charged for times beyond any lease: they stay charged for too long." "redis-cli ZRANGE {key} 0 -1 WITHSCORES; remove by hand only what was certainly not sent";

    // Records.
    RecordType "record_wrong_type" Error false "A job's record is no hash: nobody can work on it." "look at it, then redis-cli RENAME {key} somewhere-else";
    RecordNoState "record_without_state" Error false "A record has no state: nobody works on it." "redis-cli HGETALL {key} tells how far it came";
    RecordState "record_unknown_state" Error false "A record's state is none that there is: nobody works on it." "redis-cli HGETALL {key} tells how far it came";
    RecordNewer "record_newer" Error false "A record is of a newer version than this gammaq, or its version can't be read." "use the version of gammaq that the workers have";
    RecordNoVersion "record_without_version" Warning false "A record doesn't say of which version it is." "redis-cli HSET {key} v 1";
    RecordNoAccount "record_without_account" Error false "A record names no account, or none that can be: nobody submits it." "redis-cli HSET {key} account <name>";
    RecordId "id_differs" Warning false "A record's id is not the one in its key." "redis-cli HSET {key} id <the one in the key>";
    Fence "fence_unreadable" Error false "A record's fence is no number: its holder's writes are refused." "it is set anew at the next claim";
    Seq "seq_unreadable" Warning false "A record's place in line is no number: it goes before all others of its priority." "redis-cli HSET {key} seq <number>";
    Numbers "numbers_unreadable" Warning false "Numbers of a record can't be read." "redis-cli HGET {key} <field>, then HSET it";
    Deadline "deadline_unreadable" Error false "A generation under way has no deadline: the next look that says pending ends it." "redis-cli HSET {key} deadline <Unix ms>";
    Request "request_missing" Error false "A job waits to be submitted and has no request: it will fail." "enqueue it again under another id";
    Generation "generation_missing" Error false "A job is being looked at, and no generation is known to look at." "find the id in the workers' logs (\"accepted by Gamma\"): redis-cli HSET {key} generation_id <id>";
    SlotStray "slot_stray" Warning true "A job that submits nothing any more still names a slot of the budget." "--repair takes the name off the record; the budget stays";
    SlotUncharged "slot_uncharged" Error false "A submit is under way, and its slot is not in the budget: more than the limit may reach Gamma within the window." "lower the account's limit for an hour";
    LeaseAbandoned "lease_abandoned" Warning false "A lease ended long ago, and nobody took the job over." "it goes on where a worker with a key for its account runs";

    // Records and indexes.
    NoRecord "index_without_record" Warning true "An index names a job whose record is gone." "--repair takes the entry off the index";
    WrongIndex "wrong_index" Warning true "An index names a job that is in another state." "--repair takes the entry off the index";
    AfterEnd "scheduled_after_end" Warning true "A job that ended stands in the schedule." "--repair takes it off";
    NotInLine "not_in_line" Warning true "A line of waiting jobs names one that doesn't wait there." "--repair takes it off that line";
    TwoPlaces "two_places" Warning true "A waiting job stands in its line and in the schedule." "--repair leaves it in the schedule, which brings it back into line";
    QueuedNowhere "queued_nowhere" Error true "A waiting job stands in no line: it would wait for ever." "--repair puts it back into its place";
    SubmittingNowhere "submitting_nowhere" Error true "A submit that broke off is not in the schedule: nobody would ever park it." "--repair schedules the end of its lease, an hour after the intent; then it is parked";
    GeneratingNowhere "generating_nowhere" Error true "A generation under way is not in the schedule: nobody looks at it." "--repair has it looked at now";
    LateLookLost "late_look_lost" Warning true "A timed-out job is to be looked at and is not in the schedule." "--repair has it looked at now";
    NotInIndex "not_in_index" Warning true "A job that ended is not in its state's index: lists don't show it, and nobody sweeps it." "--repair adds it";
    CallbackNowhere "callback_nowhere" Error true "A caller is to be told of an end, and that is in no schedule: nobody would ever call." "--repair has it called, once more if it was called before";
    CallbackUnlisted "callback_unlisted" Warning true "A callback was given up and is not listed in `callback_failed`: nobody sees it there." "--repair adds it";
    CallbackStray "callback_stray" Warning true "A list of callbacks names a job that has no callback to make, or none that was given up." "--repair takes the entry off the list";
    LiveTtl "live_with_ttl" Error true "A job that is not over has a time to live: it would vanish." "--repair keeps it";
    EndedNoTtl "ended_without_ttl" Warning true "A job that is over is kept for ever." "--repair gives it the time that results have";

    // Results.
    ResultMissing "result_missing" Error true "A job that ended has no result." "--repair writes it from the record";
    ResultUnreadable "result_unreadable" Error true "A result is not what a result must be." "--repair writes it from the record";
    ResultDiffers "result_differs" Error true "A result tells another story than its record." "--repair writes it from the record";
    ResultType "result_wrong_type" Error true "A result is no string." "--repair writes it from the record";
    ResultTtl "result_ttl" Warning true "A result's time to live is not its record's." "--repair writes it anew";
    ResultStray "result_stray" Warning false "There is a result, and the job is not at an end: whoever waits takes it for the end." "redis-cli GET {key}, then redis-cli DEL {key}";
    ResultNoRecord "result_without_record" Warning false "There is a result, and no record." "leave it until it expires, or keep what it says and redis-cli DEL {key}";

    // The journal of this host.
    Journal "journal_suspect" Error false "The journal of this host knows of a submit that Redis doesn't." "start a worker with this journal: it gives the job its id back, or parks it";
}

impl fmt::Display for Ailment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl serde::Serialize for Ailment {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn words_are_told_apart_and_mendable_ones_say_so() {
        let words: BTreeSet<_> = Ailment::ALL.iter().map(|it| it.as_str()).collect();
        assert_eq!(words.len(), Ailment::ALL.len());
        for it in Ailment::ALL {
            assert_eq!(it.is_mendable(), it.remedy().starts_with("--repair"), "{it}");
            assert!(it.means().ends_with('.') && !it.remedy().is_empty(), "{it}");
        }
    }
}
