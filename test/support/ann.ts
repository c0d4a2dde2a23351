/** A user with a tag of each group. */
export const ANN = {
  userId: 'ann',
  email: 'ann@example.com',
  firstName: 'Ann',
  subscription: { status: 'trial' },
  progress: { program: 'Strength', week: 3, workoutsCompleted: 7 },
  lastActiveAt: '2026-06-15T09:00:00Z',
};
export const ANN_TAGS = ['Active', 'App User', 'Subscription: Trial', 'Week 3'];
