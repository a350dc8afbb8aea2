//! A list: what the backend is asked, and what is left to be done here.

use super::super::options::filter;
use super::super::pages::{NextPage, Pages};
use super::super::reading::{Kind, ListReading, Needs};
use super::super::select::{Selection, Shown, Slice};
use super::super::template::Part;
use super::super::translate::names;
use super::super::{Asked, Condition, Query, QueryError, Resource, Unsupported};
use super::{Target, is_required};
use crate::event::Operation;

/// How the parts of one list are shared.
#[derive(Debug, Default)]
struct Plan {
    parts: Vec<Part>,
    /// Held against the answered list here.
    left: Vec<Vec<Condition>>,
    sorts_here: bool,
    /// The part that the backend is asked for.
    asked: Option<(u64, Option<u64>)>,
    cuts_here: bool,
}

impl Resource {
    pub(super) fn ask_list(&self, query: &Query) -> Result<Asked, QueryError> {
        if let Some(Pages { first, second }) = self.translation.pages(query)
            && let (mut asked, true) = self.ask_part(&first.0, Some(first.1))?
        {
            let begin = second.0.offset.unwrap_or_default();
            let (full, is_guarded) =
                (first.1.limit.unwrap_or_default(), query.filters.iter().any(|group| is_required(group)));
            let next = self.ask_part(&second.0, Some(second.1))?.0;
            asked.next = Some(Box::new(NextPage { asked: next, begin, full, is_guarded }));
            return Ok(asked);
        }
        Ok(self.ask_part(query, None)?.0)
    }

    /// `true`: the backend sends the part that is asked for. `wanted`: of that part.
    fn ask_part(&self, query: &Query, wanted: Option<Slice>) -> Result<(Asked, bool), QueryError> {
        let to = &self.translation;
        let (known, groups) = self.known(to.list.as_ref(), Target::Collection, query, None)?;
        let endpoint = self.endpoint(to.list.as_ref(), Operation::Read, Target::Collection, &known)?;
        let nothing = groups.iter().any(|group| group.iter().all(Condition::is_never));
        let preload = self.preload(query)?;
        let mut plan = self.plan(query, &groups, nothing)?;
        if let Some(columns) = self.columns(query, &groups, &plan)
            && !columns.iter().any(|part| preload.iter().any(|other| other.name() == part.name()))
        {
            plan.parts.extend(columns);
        }
        plan.parts.extend(preload);
        let part = Slice { offset: query.offset.unwrap_or(0), limit: query.limit };
        // What came in answer to an offset begins there; more than was asked for is cut in any case.
        let filters = filter(&plan.left)?;
        // The server's own conditions are never left to the backend alone.
        let guard = groups.iter().filter(|group| is_required(group)).cloned().collect::<Vec<_>>();
        let all = Slice { offset: 0, limit: query.limit };
        let slice = if plan.cuts_here { part } else { wanted.unwrap_or(all) };
        let is_part = plan.asked.is_some();
        let list = ListReading {
            items: to.items.clone().unwrap_or_else(|| self.address.route.list.clone()),
            total: to.total.clone(),
            selection: Selection {
                filter: filters,
                filters: plan.left,
                guard: filter(&guard)?,
                sort: if plan.sorts_here { query.sort.clone() } else { Vec::new() },
                slice,
                shown: Shown::of(query),
                inner: to.inner.clone(),
            },
            whole: self.whole_lists(),
            asked: plan.asked,
            counts_forced: to.counts_forced,
            page_size: to.page.as_ref().and(plan.asked).and_then(|(_, limit)| limit),
            needs: if nothing {
                Needs::Nothing
            } else if plan.cuts_here {
                Needs::All
            } else {
                Needs::Some
            },
        };
        Ok((self.asked(endpoint, plan.parts, None, Kind::List(Box::new(list))), is_part))
    }

    /// A list that is asked for without limit is all there is.
    fn whole_lists(&self) -> bool {
        self.translation.whole_lists.unwrap_or(!self.translation.has_parts())
    }

    fn plan(&self, query: &Query, groups: &[Vec<Condition>], nothing: bool) -> Result<Plan, QueryError> {
        let to = &self.translation;
        let said = to.filters(groups);
        let mut plan = Plan { parts: said.parts, left: said.left, ..Plan::default() };
        self.settle_filters(&mut plan.left)?;
        let columns = || query.sort.iter().map(|sort| sort.column.clone()).collect::<Vec<_>>().join(", ");
        match to.order(&query.sort).filter(|_| !query.sort.is_empty()) {
            Some(parts) => plan.parts.extend(parts),
            None if query.sort.is_empty() => {}
            None => plan.sorts_here = self.does_here("Sort", columns)?,
        }
        if query.limit.is_some() || query.offset.unwrap_or(0) > 0 {
            self.cut(query, &mut plan, nothing)?;
        }
        Ok(plan)
    }

    /// The columns that the backend is asked for; `None`: all.
    fn columns(&self, query: &Query, groups: &[Vec<Condition>], plan: &Plan) -> Option<Vec<Part>> {
        // What is done here may need columns that nobody wants to see.
        let is_guarded = groups.iter().any(|group| is_required(group));
        let is_free = plan.left.is_empty() && !plan.sorts_here && !is_guarded && !query.columns.is_empty();
        if is_free { names(self.translation.columns.as_ref(), "columns", &query.columns) } else { None }
    }

    /// Says which of the filters that the backend cannot be asked are held against its list here.
    fn settle_filters(&self, left: &mut Vec<Vec<Condition>>) -> Result<(), QueryError> {
        match (self.translation.on_unsupported, left.iter().flatten().find(|condition| !condition.is_never()))
        {
            (Unsupported::Error, Some(condition)) => {
                let detail = format!("{} {}", condition.column, condition.operator.word());
                Err(QueryError::Unsupported { what: "Filter", detail })
            }
            (Unsupported::Ignore, _) => {
                left.retain(|group| is_required(group));
                Ok(())
            }
            (Unsupported::Error | Unsupported::PostFilter, _) => Ok(()),
        }
    }

    /// Has the backend send a part of the list, or all of it, if that part can only be found here.
    fn cut(&self, query: &Query, plan: &mut Plan, nothing: bool) -> Result<(), QueryError> {
        let to = &self.translation;
        if nothing {
            return Ok(());
        }
        if plan.left.is_empty() && !plan.sorts_here {
            if let Some(parts) = to.part(query) {
                plan.parts.extend(parts);
                plan.asked = Some((query.offset.unwrap_or(0), query.limit));
                return Ok(());
            }
            let detail = || format!("limit {:?}, offset {:?}", query.limit, query.offset);
            plan.cuts_here = self.does_here("Paging", detail)?;
        } else {
            plan.cuts_here = true;
        }
        // Whether all came, the answer may tell; where nothing can, it is not asked.
        if plan.cuts_here && !self.whole_lists() && to.total.is_none() {
            let what = if plan.left.is_empty() { "Sort or paging" } else { "Filter" };
            let detail =
                "not together with limit or offset, since the backend sends lists in parts".to_owned();
            return Err(QueryError::Unsupported { what, detail });
        }
        Ok(())
    }

    /// Whether something is done here that the backend cannot be asked; else it is left out.
    fn does_here(&self, what: &'static str, detail: impl Fn() -> String) -> Result<bool, QueryError> {
        match self.translation.on_unsupported {
            Unsupported::PostFilter => Ok(true),
            Unsupported::Ignore => Ok(false),
            Unsupported::Error => Err(QueryError::Unsupported { what, detail: detail() }),
        }
    }
}
