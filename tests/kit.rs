//! What an author of a profile works with: a stand-in of the provider, a beginning, a draft from a sample, a recording.

mod serve;
