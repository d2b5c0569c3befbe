//! Clusters of a test's own.

use std::sync::Arc;
use std::time::Duration;

use super::Redis;
use crate::eventually;

/// Ample for nodes that agree on their slots on a busy machine.
const AGREED_WITHIN: Duration = Duration::from_secs(60);

/// Some masters that share all slots, and perhaps replicas. `redis-cli` at any of them follows redirections.
#[derive(Debug)]
pub struct Cluster {
    nodes: Vec<Arc<Redis>>,
}

/// A slot that is being moved.
#[derive(Debug, Clone, Copy)]
pub struct Move {
    slot: u16,
    from: usize,
    to: usize,
}

impl Cluster {
    /// Starts so many masters, three at least, each with so many replicas.
    ///
    /// # Panics
    ///
    /// When they don't become a cluster.
    pub async fn start(masters: usize, replicas: usize) -> Self {
        let mut nodes = Vec::new();
        for _ in 0..masters * (1 + replicas) {
            nodes.push(Arc::new(Redis::builder().node().start().await));
        }
        let cluster = Self { nodes };
        let addresses: Vec<String> = cluster.nodes.iter().map(|node| node.address()).collect();
        let replicas = replicas.to_string();
        let mut args = vec!["--cluster", "create"];
        args.extend(addresses.iter().map(String::as_str));
        args.extend(["--cluster-replicas", &replicas, "--cluster-yes"]);
        cluster.nodes[0].cli(&args).await;
        cluster.agreed(cluster.nodes.len()).await;
        cluster
    }

    /// Waits until each node knows `nodes` of them, counts on none that is down, and replicas follow.
    async fn agreed(&self, nodes: usize) {
        for node in &self.nodes {
            eventually(AGREED_WITHIN, "the nodes agree", || async {
                let info = node.cli(&["CLUSTER", "INFO"]).await;
                let known = format!("cluster_known_nodes:{nodes}");
                info.contains("cluster_state:ok")
                    && info.contains(&known)
                    && info.contains("cluster_slots_fail:0")
            })
            .await;
            eventually(AGREED_WITHIN, "replicas follow", || async {
                !node
                    .cli(&["INFO", "replication"])
                    .await
                    .contains("master_link_status:down")
            })
            .await;
        }
    }

    /// The nodes, masters first.
    pub fn nodes(&self) -> &[Arc<Redis>] {
        &self.nodes
    }

    /// The addresses of all nodes, with commas between them.
    pub fn url(&self) -> String {
        let urls: Vec<String> = self.nodes.iter().map(|node| node.url()).collect();
        urls.join(",")
    }

    /// Which node owns the slot of `key`, as the first node sees it.
    ///
    /// # Panics
    ///
    /// When none does.
    pub async fn owner(&self, key: &str) -> usize {
        self.owner_seen_by(0, key).await
    }

    /// Which node owns the slot of `key`, as this one sees it: one that is getting the slot learns of no other owner.
    ///
    /// # Panics
    ///
    /// When none does.
    pub async fn owner_seen_by(&self, seer: usize, key: &str) -> usize {
        let slot = self.slot(seer, key).await;
        let slots = self.nodes[seer].cli(&["CLUSTER", "SLOTS"]).await;
        let lines: Vec<&str> = slots.lines().collect();
        // Bare redis-cli output has a line an element: from, to, then host, port, id (and no more) of each server.
        let range = lines.windows(4).find(|it| {
            let number = |n: usize| it[n].parse::<u16>().ok();
            matches!((number(0), number(1)), (Some(from), Some(to)) if from <= slot && slot <= to)
                && it[2] == "127.0.0.1"
        });
        let port = range.and_then(|it| it[3].parse::<u16>().ok());
        match self.nodes.iter().position(|node| Some(node.port()) == port) {
            Some(owner) => owner,
            None => panic!("no node has slot {slot}:\n{slots}"),
        }
    }

    /// Begins to move the slot of `key` to another node; no key goes yet.
    ///
    /// # Panics
    ///
    /// When the nodes refuse.
    pub async fn begin_move(&self, key: &str, to: usize) -> Move {
        let from = self.owner(key).await;
        let slot = self.slot(0, key).await;
        let (source, target) = (self.id(from).await, self.id(to).await);
        self.set_slot(to, slot, &["IMPORTING", &source]).await;
        self.set_slot(from, slot, &["MIGRATING", &target]).await;
        Move { slot, from, to }
    }

    /// Moves up to `most` keys, one by one, and answers whether there were so many.
    ///
    /// # Panics
    ///
    /// When one can't be moved.
    pub async fn move_keys(&self, step: Move, most: usize) -> bool {
        let (slot, count) = (step.slot.to_string(), most.to_string());
        let from = &self.nodes[step.from];
        let keys = from.cli(&["CLUSTER", "GETKEYSINSLOT", &slot, &count]).await;
        let keys: Vec<&str> = keys.lines().filter(|key| !key.is_empty()).collect();
        let port = self.nodes[step.to].port().to_string();
        for key in &keys {
            let moved = from
                .cli(&["MIGRATE", "127.0.0.1", &port, key, "0", "10000"])
                .await;
            assert!(moved == "OK" || moved == "NOKEY", "{key}: {moved}");
        }
        keys.len() == most
    }

    /// Gives the slot to the node that has its keys by now, and waits until all nodes know.
    ///
    /// # Panics
    ///
    /// When keys are left behind.
    pub async fn end_move(&self, step: Move) {
        let target = self.id(step.to).await;
        let mut order: Vec<usize> = vec![step.to, step.from];
        order.extend((0..self.nodes.len()).filter(|n| *n != step.to && *n != step.from));
        for node in order {
            self.set_slot(node, step.slot, &["NODE", &target]).await;
        }
    }

    /// Moves the slot of `key` with all its keys.
    ///
    /// # Panics
    ///
    /// As the steps that it is made of.
    pub async fn move_slot(&self, key: &str, to: usize) {
        let step = self.begin_move(key, to).await;
        while self.move_keys(step, 10).await {}
        self.end_move(step).await;
    }

    async fn slot(&self, seer: usize, key: &str) -> u16 {
        let said = self.nodes[seer].cli(&["CLUSTER", "KEYSLOT", key]).await;
        match said.parse() {
            Ok(slot) => slot,
            Err(_) => panic!("the slot of {key}: {said}"),
        }
    }

    async fn id(&self, node: usize) -> String {
        self.nodes[node].cli(&["CLUSTER", "MYID"]).await
    }

    async fn set_slot(&self, node: usize, slot: u16, to: &[&str]) {
        let slot = slot.to_string();
        let mut args = vec!["CLUSTER", "SETSLOT", &slot];
        args.extend(to);
        let said = self.nodes[node].cli(&args).await;
        // A replica keeps no slots of its own.
        assert!(
            said == "OK" || said.contains("only with masters"),
            "{to:?}: {said}"
        );
    }
}
