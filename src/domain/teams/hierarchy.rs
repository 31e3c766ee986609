//! Who reports to whom, made a forest: what cannot be true is told and repaired by a fixed rule that does not depend on the
//! order of the people.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{Counting, Manager, Person, Standing, Team, Why};

/// What an admin should hear; each with the ids of whom it is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Finding {
    /// These report to each other in a circle, which is cut above the first: the smallest id.
    Circle(Vec<String>),
    /// Is named as her own manager; taken for somebody without one.
    SelfManaged(String),
    /// The manager is nobody whom the source brings.
    ManagerOutside(String),
    /// A manager has left or lost access; the second reviews instead, if anybody above can.
    ManagerGone(String, Option<String>),
    /// A manager has no access yet; the second reviews meanwhile, if anybody above can.
    ManagerWithoutAccess(String, Option<String>),
    /// Several people lead teams and report to nobody.
    SeveralTops(Vec<String>),
}

/// People by id, each with at most one manager and nobody above herself.
pub(super) struct Tree<'a> {
    people: Vec<&'a Person>,
    above: Vec<Option<usize>>,
    reports: Vec<Vec<usize>>,
    /// Why the edge of a person was not taken.
    cut: Vec<Option<Why>>,
    circles: Vec<Vec<usize>>,
    /// Whether a person leads a team that exists.
    leads: Vec<bool>,
    counting: Counting,
}

impl<'a> Tree<'a> {
    pub(super) fn new(people: &'a [Person], counting: Counting) -> Self {
        let mut sorted: Vec<&Person> = people.iter().collect();
        sorted.sort_by(|a, b| a.id.cmp(&b.id));
        sorted.dedup_by(|a, b| a.id == b.id);
        let count = sorted.len();
        let mut tree = Self {
            people: sorted,
            above: vec![None; count],
            reports: vec![Vec::new(); count],
            cut: vec![None; count],
            circles: Vec::new(),
            leads: vec![false; count],
            counting,
        };
        tree.read_edges();
        tree.cut_circles();
        for (person, above) in tree.above.iter().enumerate() {
            if let Some(above) = above {
                tree.reports[*above].push(person);
            }
        }
        tree.find_leads();
        tree
    }

    fn read_edges(&mut self) {
        let places: HashMap<&str, usize> = self
            .people
            .iter()
            .enumerate()
            .map(|(place, person)| (person.id.as_str(), place))
            .collect();
        for (place, person) in self.people.iter().enumerate() {
            let above = match &person.manager {
                Manager::Nobody => Err(Why::NoManager),
                Manager::Outside => Err(Why::ManagerOutside),
                Manager::Person(id) if *id == person.id => Err(Why::SelfManaged),
                Manager::Person(id) => places.get(id.as_str()).copied().ok_or(Why::ManagerOutside),
            };
            match above {
                Ok(above) => self.above[place] = Some(above),
                Err(why) => self.cut[place] = Some(why),
            }
        }
    }

    /// Follows each person upwards once; whoever is met again on the same way is in a circle.
    fn cut_circles(&mut self) {
        let mut met_by: Vec<Option<usize>> = vec![None; self.people.len()];
        for start in 0..self.people.len() {
            let mut at = Some(start);
            while let Some(place) = at {
                match met_by[place] {
                    Some(way) if way == start => {
                        self.cut_at(place);
                        break;
                    }
                    Some(_) => break,
                    None => met_by[place] = Some(start),
                }
                at = self.above[place];
            }
        }
    }

    fn cut_at(&mut self, somebody: usize) {
        let mut circle = vec![somebody];
        let mut at = self.above[somebody];
        while let Some(place) = at.filter(|place| *place != somebody) {
            circle.push(place);
            at = self.above[place];
        }
        // People are in the order of their ids.
        let first = circle
            .iter()
            .enumerate()
            .min_by_key(|(_, place)| **place)
            .map_or(0, |(at, _)| at);
        circle.rotate_left(first);
        self.above[circle[0]] = None;
        self.cut[circle[0]] = Some(Why::InCircle);
        self.circles.push(circle);
    }

    /// From below: a team exists if a report counts or leads a team.
    fn find_leads(&mut self) {
        let mut waits: Vec<usize> = self.reports.iter().map(Vec::len).collect();
        let mut ready: Vec<usize> = (0..waits.len()).filter(|p| waits[*p] == 0).collect();
        while let Some(place) = ready.pop() {
            let Some(above) = self.above[place] else {
                continue;
            };
            if self.counts(place) || self.leads[place] {
                self.leads[above] = true;
            }
            waits[above] -= 1;
            if waits[above] == 0 {
                ready.push(above);
            }
        }
    }

    fn counts(&self, place: usize) -> bool {
        match self.people[place].standing {
            Standing::Granted | Standing::Invited => true,
            Standing::Listed => self.counting == Counting::Everyone,
            Standing::Gone => false,
        }
    }

    fn id(&self, place: usize) -> String {
        self.people[place].id.clone()
    }

    /// The next from here upwards who can review. Where everybody is looked at, everybody who counts can.
    fn reviewer(&self, manager: usize) -> Option<usize> {
        let can_review = |place: &usize| match self.counting {
            Counting::Invited => self.people[*place].standing == Standing::Granted,
            Counting::Everyone => self.counts(*place),
        };
        std::iter::successors(Some(manager), |place| self.above[*place]).find(can_review)
    }

    /// The teams that exist, by their managers, without id and name.
    pub(super) fn teams(&self) -> Vec<Team> {
        let leaders = (0..self.people.len()).filter(|place| self.leads[*place]);
        leaders
            .map(|place| Team {
                id: None,
                manager: self.id(place),
                reviewer: self.reviewer(place).map(|p| self.id(p)),
                parent: self.above[place].map(|p| self.id(p)),
                members: self.members(place),
                name: String::new(),
            })
            .collect()
    }

    fn members(&self, manager: usize) -> BTreeSet<String> {
        let reports = self.reports[manager].iter();
        reports
            .filter(|p| self.counts(**p))
            .map(|p| self.id(*p))
            .collect()
    }

    pub(super) fn unassigned(&self) -> Vec<(String, Why)> {
        let places = (0..self.people.len()).filter(|p| self.counts(*p) && self.above[*p].is_none());
        places
            .map(|place| {
                let why = match self.cut[place].clone().unwrap_or(Why::NoManager) {
                    Why::NoManager if self.leads[place] => Why::Leads,
                    other => other,
                };
                (self.id(place), why)
            })
            .collect()
    }

    pub(super) fn findings(&self) -> Vec<Finding> {
        let circles = self.circles.iter();
        let mut found: Vec<Finding> = circles
            .map(|circle| Finding::Circle(circle.iter().map(|p| self.id(*p)).collect()))
            .collect();
        for place in 0..self.people.len() {
            found.extend(match &self.cut[place] {
                Some(Why::SelfManaged) => Some(Finding::SelfManaged(self.id(place))),
                Some(Why::ManagerOutside) => Some(Finding::ManagerOutside(self.id(place))),
                _ => None,
            });
            found.extend(self.about_manager(place));
        }
        let tops: Vec<String> = (0..self.people.len())
            .filter(|p| self.leads[*p] && self.above[*p].is_none())
            .map(|p| self.id(p))
            .collect();
        if tops.len() > 1 {
            found.push(Finding::SeveralTops(tops));
        }
        found.sort();
        found
    }

    fn about_manager(&self, place: usize) -> Option<Finding> {
        if !self.leads[place] {
            return None;
        }
        let reviewer = self.reviewer(place);
        if reviewer == Some(place) {
            return None;
        }
        let reviewer = reviewer.map(|p| self.id(p));
        Some(match self.people[place].standing {
            Standing::Gone => Finding::ManagerGone(self.id(place), reviewer),
            _ => Finding::ManagerWithoutAccess(self.id(place), reviewer),
        })
    }

    /// People by id.
    pub(super) fn by_id(&self) -> BTreeMap<&'a str, &'a Person> {
        self.people.iter().map(|p| (p.id.as_str(), *p)).collect()
    }
}
