/**
 * Where the embedded API differs from kube-apiserver on purpose, cell by cell, with the reason. A
 * cell that stands here and agrees all the same fails the test: the table stays true.
 *
 * @module
 */

/** How much of a cell still has to agree. */
export interface Explanation {
  /** Why it differs. */
  readonly why: string;
  /** The HTTP status has to agree all the same. @default {true} */
  readonly sameStatus?: boolean;
}

/** By cell. */
export const EXPLAINED: Readonly<Record<string, Explanation>> = {
  "watch/namespaces/happy": {
    why:
      "the real namespace controller writes its findings into status before the namespace goes, " +
      "even when there was nothing in it, and takes seconds; ours removes an empty one at once",
  },
  "get/events/invalid": {
    why: "kube-apiserver keeps events out of its watch cache and reads them from etcd, which has " +
      "other words and another status for a version that is no number; ours has one way to read",
    sameStatus: false,
  },
  "feature/limit-without-selector": {
    why: "the rules of an aggregated role are written by an update here, by an apply there: only " +
      "managedFields shows it",
  },
  "feature/wrong/other-kind": {
    why: "the real one reads the body as the kind that it says, and names the first field that " +
      "does not fit it; ours says at once that it is another kind",
  },
  "feature/discovery/api": {
    why: "serverAddressByClientCIDRs is for clients before Kubernetes 1.4; the handler of the " +
      "embedded API does not know at which address it is reached",
  },
};
