"""The flow's tables, and what settles which of two rows with one identity is the valid one."""

from worker.files_table import files_table

FILES = "flow2.lists"

SCHEMA = (
    "create schema if not exists flow2",
    files_table(FILES),
    """create table if not exists flow2.parts (
      file text not null,
      part integer not null,
      entries integer not null,
      -- Name of the Prefect flow run that judged it.
      run text not null,
      stored_at timestamptz not null default now(),
      primary key (file, part)
    )""",
    """create table if not exists flow2.verdicts (
      file text not null,
      line bigint not null,
      verdict text not null check (verdict in ('valid', 'invalid', 'unchecked')),
      kind text,
      reasons text[] not null,
      entry jsonb not null,
      primary key (file, line)
    )""",
    # Parts are judged at the same time by different workers. Whoever stores first: of two rows with one identity the
    # earlier in the list is the valid one.
    """create table if not exists flow2.identities (
      file text not null,
      kind text not null,
      own text not null,
      line bigint not null,
      primary key (file, kind, own)
    )""",
    """create or replace function flow2.judge(list text, entries jsonb) returns void language plpgsql as $$
    declare
      claim record;
      held bigint;
    begin
      insert into flow2.verdicts (file, line, verdict, kind, reasons, entry)
        select list, found.line, found.verdict, found.kind, found.reasons, found.entry
        from jsonb_to_recordset(entries) as found (line bigint, verdict text, kind text, reasons text[], entry jsonb);
      -- In one order for everybody, so that two parts never wait for each other.
      for claim in
        select found.line, found.kind, found.own
        from jsonb_to_recordset(entries) as found (line bigint, kind text, own text)
        where found.own is not null order by found.kind, found.own, found.line
      loop
        insert into flow2.identities (file, kind, own, line) values (list, claim.kind, claim.own, claim.line)
          on conflict do nothing;
        select line into held from flow2.identities
          where file = list and kind = claim.kind and own = claim.own for update;
        if held = claim.line then continue; end if;
        if held > claim.line then
          update flow2.identities set line = claim.line
            where file = list and kind = claim.kind and own = claim.own;
        end if;
        update flow2.verdicts set verdict = 'invalid', reasons = array[claim.own || ' is on an earlier line, too']
          where file = list and line = greatest(held, claim.line);
      end loop;
    end $$""",
)

ADD_PART = "insert into flow2.parts (file, part, entries, run) values ($1, $2, $3, $4)"

ADD_VERDICTS = "select flow2.judge($1, $2::jsonb)"
