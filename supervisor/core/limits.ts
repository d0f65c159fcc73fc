// Every bound that is not a setting, in one place, with its unit.

export const limits = {
  /** Bytes of log waiting for stdout before the flow's pipes are no longer read. */
  logBufferBytes: 4 * 1024 * 1024,
  /** Bytes of the supervisor's own log lines kept beyond that while stdout is blocked; more are dropped and counted. */
  logOwnReserveBytes: 1024 * 1024,
  /** Bytes of one line on stdout, its newline included. Docker splits lines at 16 KiB. */
  logLineBytes: 16 * 1024,
  /** Characters of the service's and of the instance's name in a log record; the rest is cut off. */
  logNameChars: 256,
  /** Objects and arrays inside each other in a JSON line of the flow; a deeper one is taken as text. */
  logNesting: 64,
  /** Bytes handed to one write on stdout at most, so that room shows soon when its reader is slow. */
  logWriteBytes: 256 * 1024,
  /** Milliseconds between two tries on a pipe that said it is full, at most. */
  logFullPipePauseMs: 50,
  /** Milliseconds between two tries after any other failed write, at most. */
  logFailedWritePauseMs: 1_000,
  /** Milliseconds of failing writes (a full disk) after which waiting lines are dropped. */
  logFailedWriteMs: 10_000,
  /** Log lines of the flow kept for the termination message. */
  lastLogLines: 20,
  /** Characters kept of each of them. */
  lastLogLineChars: 500,
  /** Bytes of `/dev/termination-log` that Kubernetes reads. */
  terminationLogBytes: 4096,
  /** Orphans reaped before other work gets its turn. */
  reapBatch: 256,
  /** Milliseconds after KILL until what is still alive is given up on. */
  killWaitMs: 3_000,
  /** Share of what is left of the stop grace that this may take, and milliseconds that it gets at least. */
  killWaitShareOfRest: 0.75,
  killWaitMsMin: 250,
  /** Share of the stop grace after which the flow is killed; the rest is for KILL and flush. */
  killAtShareOfGrace: 0.85,
  /** Share of the stop grace that draining may take at most. */
  drainShareOfGraceMax: 0.75,
  /** Milliseconds between two looks whether the flow gets on, at least and at most. */
  stuckLookMsMin: 1_000,
  stuckLookMsMax: 10_000,
  /** Restarts of a stuck flow within an hour; then it is left to a person. */
  stuckRestartsPerHour: 3,
  /** Milliseconds between two turns of the thread that watches the main one; its turns without a sign of life after
   * which the supervisor ends itself; and milliseconds for its last words. */
  watchdogEveryMs: 5_000,
  watchdogTurns: 12,
  watchdogLastWordsMs: 1_000,
  /** Milliseconds from a good start until that thread begins, and what the start has left in memory is given back. */
  settleAfterMs: 5_000,
  /** Milliseconds the last log lines may take to reach a blocked stdout. */
  flushMs: 1_000,
  /** Milliseconds for everything that waits for stdout when no stop is under way: a slow reader may have it all. */
  flushPatienceMs: 30_000,
  /** Milliseconds for that even when the stop grace is over. */
  flushMsMin: 100,
  /** Milliseconds between two looks at the files that settings came from. */
  configWatchMs: 1_000,
  /** Milliseconds until changed settings whose dependencies did not answer are tried again, doubling up to the second. */
  reloadRetryMsMin: 5_000,
  reloadRetryMsMax: 60_000,
  /** Names of changed settings in one log line. */
  reloadNames: 50,
  /** Bytes read from one file that a `_FILE` variable names. */
  configFileBytes: 1024 * 1024,
  /** Bytes of output kept from one health check program. */
  healthProgramOutputBytes: 4096,
  /** Health check programs in the directory; more are refused by name. */
  healthPrograms: 50,
  /** Milliseconds between two knocks at a target that is away. */
  queueKnockEveryMs: 1_000,
  /** Slots of supervisors that are gone drained at one time. */
  queueAdoptedSlots: 4,
  /** Milliseconds between two looks for such slots. */
  queueAdoptEveryMs: 30_000,
  /** Bytes of a body on the control socket, and of all bodies with operations or records that are being read. */
  controlBodyBytes: 8 * 1024 * 1024,
  controlBodiesBytes: 32 * 1024 * 1024,
  /** Names of files put aside for corruption that the status lists. */
  statusFiles: 100,
  /** Operations in one request on the control socket. */
  operationsPerRequest: 10_000,
  /** Operations on one page of a list, and as many as come unless told otherwise. */
  operationsPerPageMax: 1_000,
  operationsPerPage: 100,
  /** Characters of a field's name that a refusal repeats. */
  requestFieldChars: 100,
  /** Connections to the public listener at one time. */
  httpConnections: 64,
  /** Time series in one scrape. */
  metricSeries: 500,
  /** Characters of a message taken over from elsewhere (a database's error, a check's output). */
  foreignMessageChars: 500,
  /** Milliseconds a client has for the headers of its request. */
  httpHeadersMs: 5_000,
  /** Milliseconds a client has for its whole request. */
  httpRequestMs: 10_000,
  /** Milliseconds an idle connection is kept. */
  httpKeepAliveMs: 5_000,
  /** Milliseconds between two looks for clients that are too slow. */
  httpSlowCheckMs: 1_000,
  /** Bytes of a request's headers. */
  httpHeaderBytes: 8 * 1024,
  /** Milliseconds that answers under way may still take when a listener closes. */
  httpCloseMs: 500,
  /** Seconds a client is told to wait after a 503. */
  httpRetryAfterSeconds: 5,
  /** Connections to the control socket at one time. */
  controlConnections: 256,
  /** Milliseconds a client of the control socket has for its whole request. */
  controlRequestMs: 30_000,
  /** Bytes of a socket's path: the kernel's 108 less the closing NUL. */
  socketPathBytes: 107,
  /** Intervals after which a check that has not answered again is stale (its timeout comes on top). */
  healthStaleIntervals: 3,
  /** Milliseconds over which the first runs of the checks are spread. */
  healthSpreadMs: 1_000,
  /** Milliseconds between two looks at the operation queue: they cost nothing. */
  healthQueueIntervalMs: 1_000,
  /** Bytes at the start of a health check program in which its header is looked for. */
  healthProgramHeaderBytes: 1024,
  /** Milliseconds that output may still arrive after a health check program has ended. */
  healthProgramCloseMs: 250,
  /** Milliseconds between two runs of a health check program, at least and at most. */
  healthProgramIntervalMsMin: 1_000,
  healthProgramIntervalMsMax: 86_400_000,
  /** Different values of a label that comes from outside, for each metric. */
  metricLabelValues: 64,
  /** Checks that have metrics (three each); more are shown in `/health` only. */
  metricChecks: 50,
  /** Targets of operations that have metrics of their own (four each, and the results); the rest are one. */
  metricTargets: 8,
  /** Queues of records that have metrics of their own (five each); the rest are one. */
  metricRecordQueues: 12,
  /** Words for what became of an operation, in metrics. */
  metricOperationResults: 8,
  /** Paths whose free space is a metric. */
  metricPaths: 8,
  /** Milliseconds the file system may take to say how much is free. */
  diskProbeMs: 1_000,
  /** Alerts that are kept at one time, and characters of one description. */
  alerts: 200,
  alertDescriptionChars: 500,
  /** Open alerts that the status shows. */
  alertsShown: 50,
  /** Milliseconds between two looks at what is to be alerted. */
  alertLookMs: 5_000,
  /** Milliseconds for which a condition must be gone before its alert is over: one that comes and goes is one alert. */
  alertClearMs: 60_000,
  /** Milliseconds after which something that happened once is over. */
  alertEventMs: 600_000,
  /** Milliseconds that alerts wait for others, to be told together. */
  alertGroupMs: 1_000,
  /** Milliseconds between two repetitions to a receiver that forgets, and for which it is to believe one. */
  alertRepeatMs: 60_000,
  alertHoldsMs: 300_000,
  /** Milliseconds for which it is to believe the last word of a container. */
  alertLastHoldsMs: 3_600_000,
  /** Milliseconds between raised and resolved, for a receiver that waits before it tells. */
  alertShownMs: 60_000,
  /** Alerts in one message. */
  alertsPerMessage: 50,
  /** Messages to one receiver that may go at once, and milliseconds after which one more may. */
  alertBurst: 20,
  alertRefillMs: 2_000,
  /** Milliseconds one message may take, and all of them when the container goes down. */
  alertSendMs: 5_000,
  alertLastMs: 5_000,
  /** All of them when it was stopped, and nothing is wrong with it. */
  alertStopMs: 1_000,
  /** Milliseconds between two tries after a failure: doubling, with full jitter. */
  alertRetryMinMs: 1_000,
  alertRetryMaxMs: 120_000,
  /** The same when the container goes down. */
  alertLastRetryMs: 250,
  /** Characters of a receiver's answer that are read, and that are shown: fewer, so that none ends within a secret. */
  alertAnswerChars: 4_096,
  alertAnswerShownChars: 300,
  /** Bytes of the file that keeps them. */
  alertFileBytes: 1024 * 1024,
  /** Percentage points above a threshold at which a disk has left it again. */
  diskMarginPercent: 1,
  /** Milliseconds between two clean-ups while a disk is low. */
  cleanupLowPauseMs: 60_000,
  /** Milliseconds that one clean-up of one path may take, and entries that it looks at. */
  cleanupMs: 60_000,
  cleanupEntries: 1_000_000,
  /** Directories inside each other that a clean-up goes into. */
  cleanupDepth: 64,
  /** Entries between two rests of a clean-up, and milliseconds of each rest. */
  cleanupBatch: 500,
  cleanupRestMs: 10,
  /** Rotated logs of one path that are weighed against each other. */
  cleanupRotated: 10_000,
  /** Milliseconds for which a rotated log is left to whoever is still compressing it. */
  cleanupRotatedAgeMs: 60_000,
  /** Open files that are looked at. */
  cleanupOpenFiles: 50_000,
  /** Things a clean-up could not do that are reported. */
  cleanupProblems: 20,
  /** Files that `flowkeep cleanup` lists by name. */
  cleanupShown: 200,
  /** Milliseconds between two looks at the clock, at most, while scheduled work waits: somebody may have set it. */
  scheduleLookMs: 60_000,
  /** Milliseconds over which replicas spread their scheduled clean-ups: less than any schedule's pause. */
  cleanupJitterMs: 900,
  /** Shares of the memory limit from which on records are handed out one at a time, and below which no longer. */
  memoryShortFromShare: 0.9,
  memoryShortUntilShare: 0.85,
  /** Milliseconds between two looks at it, at least. */
  memoryLookMs: 1_000,
  /** Samples of what the container uses that are kept, and milliseconds that rates are formed over. */
  performanceSamples: 60,
  performanceWindowMs: 300_000,
  /** Milliseconds the probe of Docker's HEALTHCHECK may take in all; Docker's own limit is to be above. */
  probeMs: 4_000,
  /** Bytes of an answer that a command reads from the supervisor. */
  answerBytes: 1024 * 1024,
  /** Bytes of a page of operations, and of one operation with what it would do. */
  listAnswerBytes: 8 * 1024 * 1024,
  showAnswerBytes: 16 * 1024 * 1024,
  /** Characters of what an operation would do that are shown to a person. */
  shownWorkChars: 16 * 1024,
  /** Characters of one cell in a table of operations. */
  shownCellChars: 200,
  /** Milliseconds a command waits for the answer to what it submits. */
  submitMs: 60_000,
  /** Operations and bytes that a command submits in one request. */
  submitBatch: 500,
  submitBatchBytes: 1024 * 1024,
  /** Milliseconds between two looks at a queue that drains. */
  drainLookMs: 250,
  /** Bytes a database may send in the course of one check. */
  databaseCheckBytes: 1024 * 1024,
  /** Bytes a database may send in answer to one query of the supervisor's own. */
  databaseAnswerBytes: 64 * 1024 * 1024,
  /** Callers that wait for a session of one database at one time; more are turned away. */
  databaseWaiting: 1_000,
  /** Milliseconds a query may take, with its wait for a session, unless its caller says otherwise. */
  databaseQueryMs: 60_000,
  /** Operations given to a database in one statement. */
  databaseBatch: 500,
  /** Rows kept of what RETURNING of an operation's last statement gave, and their bytes. */
  resultRows: 1_000,
  resultBytes: 64 * 1024,
  /** Milliseconds from the start to the first clean-up of the inboxes, and between two, each give or take a half. */
  inboxCleanFirstMs: 10 * 60_000,
  inboxCleanEveryMs: 86_400_000,
  /** Inbox entries forgotten in one statement. */
  inboxCleanBatch: 5_000,
  /** Milliseconds an inbox entry is kept beyond the greatest age of a queued operation. */
  inboxMarginMs: 86_400_000,
  /** Milliseconds a session may stay unused before it is closed. */
  databaseIdleMs: 60_000,
  /** Milliseconds after which a session is closed when it is given back, so that new credentials, new certificates and
   * a new address take hold. */
  databaseSessionMs: 30 * 60_000,
  /** Milliseconds of silence after which the kernel asks whether the database's host is still there. */
  databaseKeepAliveMs: 10_000,
  /** Milliseconds a database has to close a session that said goodbye. */
  databaseGoodbyeMs: 250,
  /** Milliseconds a query about records may take, with its wait for a session. */
  recordsQueryMs: 10_000,
  /** Records in one claim, completion or recovery. */
  recordsBatch: 500,
  /** Bytes of payloads in one claim; one record is always given. */
  recordsClaimBytes: 16 * 1024 * 1024,
  /** Records in one request to enqueue. */
  recordsPerRequest: 10_000,
  /** Characters of a queue's name, of a record's key, and of the reason it failed for. */
  recordQueueChars: 100,
  recordKeyChars: 500,
  recordReasonChars: 2_000,
  /** Milliseconds that a claim may wait for records. */
  recordsWaitMs: 25_000,
  /** Queues with claims of their own, and with figures of their own, at one time. */
  recordQueues: 64,
  /** Queues shown in the status. */
  recordQueuesShown: 200,
  /** Records that a flow may hold. */
  recordsHeld: 10_000,
  /** Records claimed ahead for a queue. */
  recordsAhead: 500,
  /** Milliseconds within which a flow must come back for more to be claimed ahead, and after which they go back. */
  recordsSoonMs: 100,
  recordsAheadMs: 1_000,
  /** Milliseconds between two claims that look from the beginning of a queue, at most. */
  recordsLookMs: 1_000,
  /** Milliseconds between two looks into an empty queue. */
  recordsPollMsMin: 20,
  recordsPollMsMax: 500,
  /** Milliseconds until what could not be told the database is told again. */
  recordsRetryMs: 1_000,
  /** Milliseconds after which a claim whose answer was lost is not carried out any more. */
  recordsLostClaimMs: 60_000,
  /** Such claims that are known at one time. */
  recordsLostClaims: 1_000,
  /** Batches of completions under way. */
  recordCompletionBatches: 2,
  /** Batches in one recovery. */
  recordsRecoveryTurns: 20,
  /** Milliseconds between two counts of the records in the database, at least. */
  recordsCountMs: 5_000,
  /** Days of history kept, made ahead, and keyed rows of it deleted in one go before a day is dropped. */
  recordHistoryDays: 30,
  recordHistoryDaysAhead: 3,
  recordHistoryBatch: 5_000,
  /** Bytes of the body of a service's answer that are read. */
  serviceBodyBytes: 64 * 1024,
  /** Milliseconds until a knock counts as unanswered. */
  knockMs: 1_000,
  /** Milliseconds between two knocks while the gate waits. */
  gateKnockEveryMs: 200,
  /** Milliseconds the gate waits at most for a dependency that says it is starting. */
  gateStartingDelayMs: 500,
  /** Milliseconds between two log lines about the same dependency failing for the same reason. */
  gateReminderMs: 10_000,
  /** Ids that a slot of the queue remembers after their operations are done. */
  queueDoneIds: 100_000,
  /** Characters of one remembered result; a longer one is forgotten. Characters of all of them. */
  queueDoneResultChars: 16 * 1024,
  queueDoneChars: 64 * 1024 * 1024,
  /** Free bytes of the disk below which the queue takes nothing new. */
  queueDiskFloorBytes: 16 * 1024 * 1024,
  /** Bytes that the queue gives up when the disk is full, so that it can still drain. */
  queueBallastBytes: 4 * 1024 * 1024,
  /** Bytes of a journal up to which all of it is checked when it is opened; a larger one is while it works. */
  queueCheckedAtOpeningBytes: 16 * 1024 * 1024,
  /** Calls in one transaction of the queue. */
  queueGroupCalls: 1_000,
  /** Entries checked in one go while it works. */
  queueScrubEntries: 50,
  /** Damaged journals that are kept, and their bytes; the oldest ones go. */
  queueQuarantined: 5,
  queueQuarantineBytes: 2 * 1024 * 1024 * 1024,
  /** Unused pages (4 KiB) of a journal that are kept; how many are given back at once, and how often in a row. */
  queueShrinkPages: 256,
  queueShrinkPagesAtOnce: 128,
  queueShrinkRounds: 16,
  /** Milliseconds to wait for the locks of a process that has just ended. */
  queueBusyMs: 5_000,
  /** Milliseconds until a journal that failed is opened again. */
  queueReopenMs: 1_000,
  /** Bytes of entries that the journal's thread reads into memory in one go. */
  queueReadBytes: 8 * 1024 * 1024,
  /** Slots in one state directory. */
  queueSlots: 256,
  /** Bytes of one operation, as JSON. */
  operationBytes: 8 * 1024 * 1024,
  /** Characters of an operation's key, and of the path of an HTTP one. */
  operationKeyChars: 255,
  operationPathChars: 2048,
  /** Requests that an HTTP operation makes before the one that counts. */
  operationPriors: 16,
  /** Bytes of the answer to one of those: it says again what was created. */
  priorAnswerBytes: 2 * 1024 * 1024,
  /** Operations kept for the case that the flow dies, and bytes of each. */
  wills: 1_000,
  willBytes: 256 * 1024,
  /** Statements of one operation, and parameters of one statement (the protocol of PostgreSQL counts them in 16 bits). */
  operationStatements: 1_000,
  statementParameters: 65_535,
  /** Objects and arrays inside each other in parameters and bodies. */
  operationNesting: 100,
  /** Operations whose answer is still due, and their bytes; beyond that a submission is told to come back. */
  submissions: 10_000,
  submissionBytes: 64 * 1024 * 1024,
  /** Batches of operations that were never queued, under way to one target. */
  directBatches: 4,
  /** Batches out of the queue, under way to one target, and bytes of each. */
  replayBatches: 2,
  replayBatchBytes: 8 * 1024 * 1024,
  /** Milliseconds after which a delivery is given up; what a target bounds itself comes long before. */
  deliveryMs: 120_000,
  /** Failures in a row that open a target's breaker. */
  breakerFailures: 3,
  /** Milliseconds until the first probe and between two at most: doubling, with full jitter. */
  breakerMinMs: 250,
  breakerMaxMs: 15_000,
  /** Milliseconds of a target's own Retry-After that are honoured. */
  retryAfterMs: 300_000,
  /** Deliveries that may fail for an unknown reason before the operation is a dead letter. */
  deliveryAttempts: 8,
  /** Milliseconds that a lane pauses after a failure or for a missing permission: doubling, with full jitter. */
  lanePauseMinMs: 1_000,
  lanePauseMaxMs: 60_000,
  /** Lanes held by a missing permission whose pauses grow; the pauses of more are the longest at once. */
  heldLanes: 10_000,
  /** Milliseconds between two looks for operations that are too old, and how many are looked at. */
  overdueCheckMs: 5_000,
  overdueBatch: 500,
  /** Milliseconds between two tries to write down what became of operations, at least and at most. */
  settleMinMs: 50,
  settleMaxMs: 5_000,
  /** Seconds a client is told to wait when the queue is full or the container is stopping. */
  submitRetrySeconds: 5,
  /** Operations in one batch for a service, and lanes of it under way at one time. */
  httpBatch: 100,
  httpLanes: 8,
  /** Milliseconds an idle connection to a service is kept; many services close theirs after five seconds. */
  httpIdleMs: 4_000,
  /** Bytes of one file that a security check reads. */
  securityFileBytes: 4 * 1024 * 1024,
  /** Entries that one walk of a security check visits, and milliseconds it may take; then it is cut, and says so. */
  securityWalkEntries: 500_000,
  securityWalkMs: 120_000,
  /** Entries between two rests of a walk in a running supervisor, and milliseconds of each rest. */
  securityWalkBatch: 200,
  securityWalkRestMs: 50,
  /** Characters of what a security check says it found. */
  securityFoundChars: 300,
  /** Files below /run/secrets, and devices below /dev, that are looked at. */
  securityListEntries: 2_000,
  /** Milliseconds to look up the addresses of what the container needs. */
  securityLookupMs: 2_000,
} as const
